from tests.delivery.test_plans import *
from tests.delivery.test_plans import _grow
async def keys(c, day, n):
    first, past = partitions.bounds(day)
    return [r[0] for r in await c.fetch("SELECT key FROM events WHERE key >= $1 AND key < $2 LIMIT $3", first, past, n)]
async def test_show(grown):
    hooks = [r[0] for r in await grown.fetch("select id from webhooks")]
    later = NOW + timedelta(seconds=20)
    out = []
    async def show(name, st, *args):
        for how in (custom, generic):
            p = await how(grown, st, args)
            out.append(f"=== {name} {how.__name__}\n{p}")
    for n in (1, 200):
        k = await keys(grown, TODAY, n)
        await show(f"ticket {n}", on_day(claims.BY_TICKET, TODAY), NOW, later, k, [hooks[1]]*n, [0]*n, [0]*n)
    for st,nm in ((drains.WALK,'walk'),(drains.FIRST_DUE,'first')):
        await show("drain "+nm, on_day(st+drains.TAKE_DUE, TODAY), NOW, later, uuid4(), 256, 200, 64, [], [])
    for n in (1, 500):
        k = await keys(grown, TODAY, n)
        await show(f"write {n}", on_day(records.WRITE, TODAY), k,[hooks[1]]*n,[0]*n,[1]*n,['delivered']*n,[None]*n,[1]*n,[False]*n,[NOW]*n,[5]*n,[200]*n,['x']*n,[b'[]']*n,[None]*n,[None]*n, NOW)
    await show("give back", on_day(records.GIVE_BACK, TODAY), (await keys(grown, TODAY, 64)), [hooks[1]]*64,[0]*64,[1]*64, NOW)
    await show("probe", claims.BY_PROBE, NOW, later, hooks[0])
    await show("wake", errands.WAKE, hooks[0], NOW, 1000)
    await show("cancel", errands.CANCEL, hooks[0], NOW, 1000, ['owed'])
    await show("due", sweeps.DUE, NOW, 2000)
    await show("left parked", sweeps.LEFT_PARKED)
    await show("expire", sweeps.EXPIRE, events.key_floor(NOW), NOW, 1000)
    await show("succeeded", tallies.SUCCEEDED, hooks[0], NOW, events.key_floor(NOW-timedelta(hours=12)))
    open('/tmp/hl/plans9.txt','w').write("\n".join(out))
