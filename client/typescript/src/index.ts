// Calls the API of sealos-notify. Paths, parameters, bodies and answers have the types of its description
// (openapi.ts, generated).
import type { components, paths } from "./openapi.js";

export type { components, paths } from "./openapi.js";

type Schemas = components["schemas"];
export type Accepted = Schemas["Accepted"];
export type Delivery = Schemas["Delivery"];
export type Notification = Schemas["Notification"];
export type NotificationRequest = Schemas["NotificationRequest"];
export type FieldError = Schemas["FieldError"];

/** Where the service is, and the app that calls. Keep the secret on a server, not in a page. */
export interface Options {
  /** of the service, such as https://notify.example.com */
  url: string;
  appId: string;
  appSecret: string;
  /** instead of the global fetch */
  fetch?: typeof fetch;
}

/** An error that the service answered (RFC 9457). */
export class Problem extends Error {
  override name = "Problem";

  constructor(
    /** of HTTP: 400 for a malformed request, 422 for one that cannot be done */
    readonly status: number,
    /** stable, for programs; empty when the answer is not the service's */
    readonly code: string,
    readonly detail: string,
    /** what is wrong with which fields */
    readonly errors: readonly FieldError[],
    /** how long the service asks to wait, in milliseconds; 0 when it does not ask */
    readonly retryAfter: number,
  ) {
    super(code === "" ? detail : `${code}: ${detail}`);
  }
}

/** A request got no answer. The service may have acted on it. */
export class Unreachable extends Error {
  override name = "Unreachable";
}

export type Method = "get" | "put" | "post" | "delete";

/** The paths that have a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type OperationOf<M extends Method, P extends PathOf<M>> = paths[P][M];
type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;

/** What a request takes: the members of its path, its query and its body, where it has them. */
export type RequestOf<O> = { signal?: AbortSignal } & (O extends { parameters: { path: infer P } } ? { path: P } : {}) &
  ([QueryOf<O>] extends [never] ? {} : {} extends QueryOf<O> ? { query?: QueryOf<O> } : { query: QueryOf<O> }) &
  (O extends { requestBody: { content: { "application/json": infer B } } } ? { body: B } : {});

type ContentOf<R> = R extends { content: { "application/json": infer A } } ? A : undefined;

/** What a request answers when it succeeds. */
export type AnswerOf<O> = O extends { responses: infer R } ? ContentOf<R[Extract<keyof R, 200 | 201 | 202 | 204>]> : never;

/** The paths of lists, which are read in pages. */
export type ListPath = {
  [P in PathOf<"get">]: QueryOf<paths[P]["get"]> extends { after?: unknown } ? ([QueryOf<paths[P]["get"]>] extends [never] ? never : P) : never;
}[PathOf<"get">];

/** What a list has. */
export type ItemOf<A> = { [K in keyof A]-?: A[K] extends readonly (infer T)[] ? T : never }[keyof A];

// A request is sent again when that is safe and the service does not answer or is unavailable.
const tries = 4;
const firstPause = 200;
const longestPause = 30_000;
// One try has this time.
const answerTimeout = 30_000;
// The pause between two reads of wait grows from firstWait to longestWait, by a half each time.
const firstWait = 200;
const longestWait = 5_000;

interface Call {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  signal?: AbortSignal;
}

/** Calls the API. */
export class Client {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #fetch: typeof fetch;

  constructor(options: Options) {
    const url = new URL(options.url);
    if ((url.protocol !== "http:" && url.protocol !== "https:") || url.username !== "" || url.search !== "" || url.hash !== "") {
      throw new TypeError("the URL of the service must look like https://host:port");
    }
    this.#base = url.href.replace(/\/$/, "");
    this.#headers = { "X-App-Id": options.appId, "X-App-Secret": options.appSecret };
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  /**
   * Makes any request of the API. GET requests are sent again when the service does not answer or is unavailable.
   * It throws a Problem, or Unreachable.
   */
  async request<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    ...[request]: {} extends RequestOf<OperationOf<M, P>> ? [RequestOf<OperationOf<M, P>>?] : [RequestOf<OperationOf<M, P>>]
  ): Promise<AnswerOf<OperationOf<M, P>>> {
    const { answer } = await this.#call(method, path, (request ?? {}) as Call, method === "get");
    return answer as AnswerOf<OperationOf<M, P>>;
  }

  /**
   * Sends a notification. When it returns, the notification is stored with all its deliveries; replayed says that it
   * was accepted before. Without an answer the request is sent again with the same key.
   */
  async send(request: NotificationRequest, signal?: AbortSignal): Promise<Accepted & { replayed: boolean }> {
    const { status, answer } = await this.#call("post", "/api/v1/notifications", { body: request, ...(signal && { signal }) }, true);
    return { ...(answer as Accepted), replayed: status === 200 };
  }

  /** Reads a notification without its deliveries, of which a group may have a million: its status and its counts. */
  progress(id: string, signal?: AbortSignal): Promise<Notification> {
    return this.request("get", "/api/v1/notifications/{id}", { path: { id }, query: { tasks: false }, ...(signal && { signal }) });
  }

  /**
   * Waits until nothing of a notification is open any more, and returns it without its deliveries. Its status and
   * its counts say what arrived. A service that does not answer, is unavailable or limits the app does not end the
   * wait: end it by the signal, for example AbortSignal.timeout(60_000), whose reason is thrown. The notification
   * goes on.
   */
  async wait(id: string, signal?: AbortSignal): Promise<Notification> {
    for (let pause = firstWait; ; pause = Math.min(pause * 1.5, longestWait)) {
      let rest = pause;
      try {
        const read = await this.progress(id, signal);
        if (read.status !== "pending" && read.status !== "processing") {
          return read;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (!isTemporary(error) && !(error instanceof Problem && error.status === 429)) {
          throw error;
        }
        rest = Math.max(pause, retryAfterOf(error));
      }
      await sleep(rest, signal);
    }
  }

  /** Yields what a list has, reading page after page. query.limit is the size of a page. */
  async *all<P extends ListPath>(
    path: P,
    ...[request]: {} extends RequestOf<paths[P]["get"]> ? [RequestOf<paths[P]["get"]>?] : [RequestOf<paths[P]["get"]>]
  ): AsyncGenerator<ItemOf<AnswerOf<paths[P]["get"]>>, void, undefined> {
    const call = (request ?? {}) as Call;
    let after = call.query?.after;
    do {
      const { answer } = await this.#call("get", path, { ...call, query: { ...call.query, after } }, true);
      const page = answer as Record<string, unknown>;
      yield* Object.values(page).find(Array.isArray) ?? [];
      after = page.next;
    } while (after);
  }

  async #call(method: Method, path: string, call: Call, repeatable: boolean): Promise<{ status: number; answer: unknown }> {
    let pause = firstPause;
    for (let n = 1; ; n++, pause *= 2) {
      try {
        return await this.#once(method, path, call);
      } catch (error) {
        if (n === tries || !repeatable || !isTemporary(error)) {
          throw error;
        }
        await sleep(Math.min(retryAfterOf(error) || pause, longestPause), call.signal);
      }
    }
  }

  async #once(method: Method, path: string, call: Call): Promise<{ status: number; answer: unknown }> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) {
        query.set(name, String(value));
      }
    }
    const under = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(call.path?.[name])));
    const timeout = AbortSignal.timeout(answerTimeout);
    let status: number, text: string, headers: Headers;
    try {
      const response = await this.#fetch(this.#base + under + (query.size === 0 ? "" : `?${query}`), {
        method: method.toUpperCase(),
        headers: call.body === undefined ? this.#headers : { ...this.#headers, "Content-Type": "application/json" },
        redirect: "manual", // it would send the secret elsewhere
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      });
      ({ status, headers } = response);
      text = await response.text();
    } catch (cause) {
      call.signal?.throwIfAborted();
      throw new Unreachable(`the service does not answer: ${method.toUpperCase()} ${under}`, { cause });
    }
    if (status < 200 || status > 299) {
      throw problemOf(status, headers, text);
    }
    return { status, answer: text === "" ? undefined : JSON.parse(text) };
  }
}

function problemOf(status: number, headers: Headers, text: string): Problem {
  const retryAfter = (Number(headers.get("Retry-After")) || 0) * 1000;
  if (headers.get("Content-Type")?.startsWith("application/problem+json")) {
    const { code, detail, errors } = JSON.parse(text) as Schemas["Problem"];
    return new Problem(status, code, detail, errors ?? [], retryAfter);
  }
  return new Problem(status, "", `the answer is ${status}, and not the service's`, [], retryAfter);
}

function isTemporary(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Problem && error.status === 503);
}

function retryAfterOf(error: unknown): number {
  return error instanceof Problem ? error.retryAfter : 0;
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
