import { expect, test } from "vitest";
import { Problem } from "~/api/problem";
import { BrowserTransport } from "../browser";
import { PlayedPage, problem, type Request, session } from "./testing";

const signedIn = (page: PlayedPage, number = 1, expireTime?: string) => {
  page.storage.set("mc.session", JSON.stringify(session(number, expireTime)));
  return new BrowserTransport(page.environment);
};

/** A gateway that takes one bearer, and trades each refresh token once. */
function gateway(accepts: { bearer: string }) {
  let renewals = 1;
  const used = new Set<unknown>();
  return (request: Request) => {
    if (request.path === "/v1/auth:refresh") {
      const token = (request.body as { refreshToken: string }).refreshToken;
      if (used.has(token)) return problem(401, "REFRESH_TOKEN_REUSED");
      used.add(token);
      renewals += 1;
      accepts.bearer = `mc_ses_${renewals}`;
      return { body: { session: session(renewals) } };
    }
    return request.bearer === accepts.bearer ? { body: { fine: true } } : problem(401, "TOKEN_EXPIRED");
  };
}

test("calls that are refused together renew the session once, and each is repeated", async () => {
  const page = new PlayedPage();
  page.answer = gateway({ bearer: "nobody's" });
  const transport = signedIn(page);
  const replies = await Promise.all(["/v1/a", "/v1/b", "/v1/c"].map((path) => transport.request("GET", path)));
  expect(replies.map((reply) => reply.body)).toEqual([{ fine: true }, { fine: true }, { fine: true }]);
  expect(page.bearers("/v1/auth:refresh")).toHaveLength(1);
  expect(page.bearers("/v1/a")).toEqual(["mc_ses_1", "mc_ses_2"]);
});

test("two tabs renew in turn: who comes second takes what the first has stored", async () => {
  const first = new PlayedPage();
  const second = new PlayedPage(first.storage, first.environment.exclusively);
  const answer = gateway({ bearer: "nobody's" });
  first.answer = answer;
  second.answer = answer;
  const transports = [signedIn(first), new BrowserTransport(second.environment)];
  await Promise.all(transports.map((transport) => transport.request("GET", "/v1/a")));
  const renewals = first.bearers("/v1/auth:refresh").length + second.bearers("/v1/auth:refresh").length;
  expect(renewals).toBe(1);
  expect(transports.map((transport) => transport.session.get().state)).toEqual(["signedIn", "signedIn"]);
});

test("a token that is about to end is renewed before it is used", async () => {
  const page = new PlayedPage();
  page.answer = gateway({ bearer: "nobody's" });
  const transport = signedIn(page, 1, new Date(page.now + 29_000).toISOString());
  await transport.request("GET", "/v1/a");
  expect(page.bearers("/v1/a")).toEqual(["mc_ses_2"]);
});

test("a lost answer to a renewal is asked for again: the gateway gives the same pair for a while", async () => {
  const page = new PlayedPage();
  const answer = gateway({ bearer: "nobody's" });
  let lost = false;
  page.answer = (request) => {
    if (request.path === "/v1/auth:refresh" && !lost) {
      lost = true;
      throw new TypeError("network");
    }
    return answer(request);
  };
  await signedIn(page).request("GET", "/v1/a");
  expect(page.bearers("/v1/auth:refresh")).toHaveLength(2);
});

test("a session that cannot be renewed is over, and says so", async () => {
  const page = new PlayedPage();
  page.answer = () => problem(401, "TOKEN_REVOKED");
  const transport = signedIn(page);
  await expect(transport.request("GET", "/v1/a")).rejects.toMatchObject({ reason: "SIGNED_OUT" });
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "expired" });
  expect(page.storage.has("mc.session")).toBe(false);
});

test("a network that is gone does not end the session", async () => {
  const page = new PlayedPage();
  page.answer = () => {
    throw new TypeError("network");
  };
  const transport = signedIn(page);
  await expect(transport.request("GET", "/v1/a")).rejects.toMatchObject({ reason: "GATEWAY_UNREACHABLE" });
  page.online = false;
  await expect(transport.request("GET", "/v1/a")).rejects.toMatchObject({ reason: "NETWORK_OFFLINE" });
  expect(transport.session.get().state).toBe("signedIn");
});

test("a refused sign-in is a problem with its reason, and signs nobody in", async () => {
  const page = new PlayedPage();
  page.answer = () => problem(401, "INVALID_CREDENTIALS");
  const transport = new BrowserTransport(page.environment);
  const refused = await transport
    .signIn({ kind: "password", email: "a@b.c", password: "no" })
    .catch((thrown: unknown) => thrown);
  expect(refused).toBeInstanceOf(Problem);
  expect(refused).toMatchObject({ reason: "INVALID_CREDENTIALS", status: 401 });
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "never" });
});

test("a link's code becomes a session; signing out here signs out there", async () => {
  const page = new PlayedPage();
  page.answer = () => ({ body: { session: session(7), user: { name: "users/u" } } });
  const transport = new BrowserTransport(page.environment);
  await transport.signIn({ kind: "code", code: "mc_otc_x" });
  expect(page.requests[0]).toMatchObject({ path: "/v1/auth:exchange", body: { code: "mc_otc_x" }, bearer: null });
  expect(transport.session.get().state).toBe("signedIn");
  await transport.signOut();
  expect(page.bearers("/v1/auth:signOut")).toEqual(["mc_ses_7"]);
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "signedOut" });
});

test("signing out in another tab signs out here", () => {
  const page = new PlayedPage();
  const transport = signedIn(page);
  page.storage.delete("mc.session");
  page.wake("storage");
  expect(transport.session.get()).toEqual({ state: "signedOut", because: "signedOut" });
});

test("what is no session in the storage is thrown away", () => {
  const page = new PlayedPage(new Map([["mc.session", "{broken"]]));
  expect(new BrowserTransport(page.environment).session.get().state).toBe("signedOut");
  expect(page.storage.has("mc.session")).toBe(false);
});

test("headers and etags go both ways, and an answer that is no JSON is told apart", async () => {
  const page = new PlayedPage();
  page.answer = () => ({ body: { agent: {} }, etag: "e2" });
  const transport = signedIn(page);
  const reply = await transport.request("PATCH", "/v1/x", { role: "r" }, { ifMatch: "e1", idempotencyKey: "k" });
  expect(reply).toEqual({ status: 200, body: { agent: {} }, etag: "e2" });
  const headers = page.requests.at(-1)?.headers;
  expect([headers?.get("If-Match"), headers?.get("Idempotency-Key")]).toEqual(["e1", "k"]);
});

test("an answer of something else than the gateway is not taken for one of the gateway's problems", async () => {
  const page = new PlayedPage();
  page.answer = () => ({ status: 502, body: "<html>" });
  const refused = await signedIn(page)
    .request("GET", "/v1/a")
    .catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ reason: "GATEWAY_UNREACHABLE", status: 502, transient: true });
});
