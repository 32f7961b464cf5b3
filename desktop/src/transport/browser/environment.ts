// What the browser transport takes from its surroundings, so that tests hand in their own.

/** A single-holder section across all tabs of an origin. */
export type Exclusively = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

/** Time, chance, network and storage. */
export interface Environment {
  readonly fetch: typeof fetch;
  readonly connect: (url: string, protocols: string[]) => WebSocket;
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly exclusively: Exclusively;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly setTimeout: (work: () => void, ms: number) => number;
  readonly clearTimeout: (timer: number) => void;
  /** False when the machine knows that it has no network. */
  readonly online: () => boolean;
  /** Told when the network comes or goes, when the page is looked at again, and when another tab changed the session. */
  readonly onWake: (listener: (event: "online" | "offline" | "visible" | "storage") => void) => () => void;
  /** Root of the gateway: `https://mc.example`. */
  readonly origin: string;
}

/** Lets one holder after another in, within this tab: for browsers without Web Locks, and for tests. */
export function queueing(): Exclusively {
  const tails = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const result = (tails.get(name) ?? Promise.resolve()).then(work, work);
    tails.set(name, result);
    return result;
  };
}

/** The page's own. */
export function pageEnvironment(origin: string): Environment {
  const fallback = queueing();
  const locks = navigator.locks;
  return {
    fetch: window.fetch.bind(window),
    connect: (url, protocols) => new WebSocket(url, protocols),
    storage: window.localStorage,
    exclusively: (name, work) => (locks ? locks.request(name, work) : fallback(name, work)),
    now: Date.now,
    random: Math.random,
    setTimeout: (work, ms) => window.setTimeout(work, ms),
    clearTimeout: (timer) => window.clearTimeout(timer),
    online: () => navigator.onLine,
    onWake: (listener) => {
      const online = () => listener("online");
      const offline = () => listener("offline");
      const visible = () => document.visibilityState === "visible" && listener("visible");
      const stored = () => listener("storage");
      window.addEventListener("online", online);
      window.addEventListener("offline", offline);
      document.addEventListener("visibilitychange", visible);
      window.addEventListener("storage", stored);
      return () => {
        window.removeEventListener("online", online);
        window.removeEventListener("offline", offline);
        document.removeEventListener("visibilitychange", visible);
        window.removeEventListener("storage", stored);
      };
    },
    origin,
  };
}
