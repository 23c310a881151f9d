// What a program does with the client, and what does not compile. The test runs it.
import { Client, Problem, Unreachable, type Delivery, type Notification } from "@labring/sealos-notify-client";

declare const process: { env: Record<string, string> };

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) {
    throw new Error(`it does not hold: ${JSON.stringify(what)}`);
  }
}

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it should have failed");
}

const options = { url: process.env.URL!, appId: process.env.APP_ID!, appSecret: process.env.APP_SECRET! };
const notify = new Client(options);

const request = {
  idempotencyKey: "from-typescript",
  channels: { feishu_app: { template: "feishu-alert", params: { incident: "the database is down", severity: "P0" } } },
  recipients: ["ou_a", "ou_b", "ou_c"].map((value) => ({ type: "feishu_user_id" as const, value })),
};
const accepted = await notify.send(request);
check(accepted.deliveries === 3 && !accepted.replayed, accepted);
const again = await notify.send(request);
check(again.replayed && again.notificationId === accepted.notificationId, again);

const ended: Notification = await notify.wait(accepted.notificationId, AbortSignal.timeout(60_000));
check(ended.status === "success" && ended.counts.success === 3 && ended.tasks === undefined, ended);

const whole = await notify.request("get", "/api/v1/notifications/{id}", { path: { id: accepted.notificationId } });
check(whole.tasks?.length === 3, whole);

const found: Delivery[] = [];
for await (const delivery of notify.all("/api/v1/deliveries", { query: { notification: accepted.notificationId, limit: 2 } })) {
  found.push(delivery); // two pages
}
check(new Set(found.map((delivery) => delivery.id)).size === 3, found);
for await (const delivery of notify.all("/api/v1/notifications/{id}/deliveries", { path: { id: accepted.notificationId } })) {
  check(delivery.status === "success", delivery);
}

await notify.request("post", "/api/v1/templates", { body: { name: "from.typescript", channel: "email", subject: "s", body: "b" } });
const names: string[] = [];
for await (const template of notify.all("/api/v1/templates")) {
  names.push(template.name);
}
check(names.join() === "feishu-alert,from.typescript", names);
check((await notify.request("delete", "/api/v1/templates/{name}", { path: { name: "from.typescript" } })) === undefined, "204 has no body");

const refused = await thrown(notify.send({ ...request, idempotencyKey: "other", channels: { feishu_app: { template: "missing" } } }));
check(refused instanceof Problem && refused.status === 422 && refused.code === "unknown_template", refused);
check(refused.errors[0]?.field === "channels.feishu_app.template", refused.errors);
check(refused.message.startsWith("unknown_template: "), refused.message);

const missing = await thrown(notify.wait("01a226da-cdff-7383-83b3-4c3a07a3c2e5"));
check(missing instanceof Problem && missing.code === "not_found", missing);

const stranger = await thrown(new Client({ ...options, appSecret: "wrong" }).request("get", "/api/v1/whoami"));
check(stranger instanceof Problem && stranger.status === 401 && stranger.code === "unauthorized", stranger);

// A notification that waits a day, and a caller who does not.
const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
const later = await notify.send({ ...request, idempotencyKey: "later", sendAt: tomorrow });
const impatient = await thrown(notify.wait(later.notificationId, AbortSignal.timeout(300)));
check(impatient instanceof DOMException && impatient.name === "TimeoutError", impatient);
check((await notify.progress(later.notificationId)).status === "pending", later);

// The requests that are sent again, and those that are not.
let asked = 0;
const broken = new Client({ ...options, fetch: () => Promise.reject(new TypeError(`broken ${++asked}`)) });
const unreachable = await thrown(broken.send(request));
check(unreachable instanceof Unreachable && asked === 4, asked);
check(!JSON.stringify([unreachable.message, String(unreachable.cause)]).includes(options.appSecret), "no secret");
asked = 0;
check((await thrown(broken.request("post", "/api/v1/templates", { body: { name: "x", channel: "email" } }))) instanceof Unreachable && asked === 1, asked);

export function doesNotCompile() {
  // @ts-expect-error a path that does not exist
  void notify.request("get", "/api/v1/nothing");
  // @ts-expect-error a method that the path does not have
  void notify.request("delete", "/api/v1/notifications");
  // @ts-expect-error the path's member is missing
  void notify.request("get", "/api/v1/notifications/{id}");
  // @ts-expect-error a filter that does not exist
  void notify.request("get", "/api/v1/deliveries", { query: { state: "dead" } });
  // @ts-expect-error a status that does not exist
  void notify.all("/api/v1/deliveries", { query: { status: "lost" } });
  // @ts-expect-error no list
  void notify.all("/api/v1/whoami");
  // @ts-expect-error the body is missing
  void notify.request("post", "/api/v1/templates");
  // @ts-expect-error a field of the body is missing
  void notify.send({ idempotencyKey: "k" });
}

console.log("all of it holds");
