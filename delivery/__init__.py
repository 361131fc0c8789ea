"""The craft: owe, sign, send, judge, record. Reading order: intake, rounds, judgement, wire, ledger."""
