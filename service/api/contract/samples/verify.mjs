// Verify what Hooklake sends, with Node alone; give every function the body's Buffer as it came.
// `secrets` are the live ones; `headers` is an object with lower-case names, as `request.headers` is.
import { createHmac, timingSafeEqual } from "node:crypto";

// HPE's way: a signature over the body; either header may match either secret.
export function verifyHpe(secrets, headers, body) {
  const given = [headers["hpe-webhook-signature"], headers["hpe-webhook-signature2"]];
  return secrets.some((secret) => {
    const expected = "sha256=" + digest(secret, body).toString("hex");
    return given.some((one) => same(expected, one));
  });
}

// The Standard Webhooks way: id and time are signed too, so that nobody can send it again later.
export function verifyStandard(secrets, headers, body, tolerance = 300) {
  const stamp = headers["webhook-timestamp"] ?? "";
  const late = Math.abs(Date.now() / 1000 - Number(stamp));
  if (!/^[0-9]+$/.test(stamp) || late > tolerance) return false;
  const message = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${stamp}.`), body]);
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return secrets.some((secret) => {
    const expected = "v1," + digest(secret, message).toString("base64");
    return given.some((one) => same(expected, one));
  });
}

// The body to answer a challenge with, status 200; null for anything else, such as an event.
export function challengeAnswer(secret, body) {
  let event;
  try {
    event = JSON.parse(body);
  } catch {
    return null; // an event in binary mode may hold anything
  }
  // In the content mode onap they are called so.
  const [type, data] = [event?.type ?? event?.eventType, event?.data ?? event?.event];
  if (!String(type).endsWith(".events.v1beta1.webhooks.verification")) return null;
  const proof = digest(secret, Buffer.from(data.challengeRequest)).toString("hex");
  return JSON.stringify({ verification: proof });
}

function digest(secret, message) {
  return createHmac("sha256", secret).update(message).digest();
}

function same(expected, given) {
  const [one, other] = [Buffer.from(expected), Buffer.from(given ?? "")];
  return one.length === other.length && timingSafeEqual(one, other);
}
