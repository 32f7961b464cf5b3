// A client of WebDriver (https://w3c.github.io/webdriver): the few commands that a test of one window needs.

/** The key under which WebDriver writes the id of an element. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
/** An answer that takes longer will not come, in ms. */
const ANSWER_WITHIN_MS = 30_000;

/** Characters that stand for keys without one. */
const KEYS: Record<string, string> = {
  Backspace: "\uE003",
  Tab: "\uE004",
  Enter: "\uE007",
  Control: "\uE009",
  Escape: "\uE00C",
};

/** What the driver refuses: `no such element`, `stale element reference`, `element click intercepted`. */
export class WebDriverError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

type Wire = { [ELEMENT]: string };

/** One window under a driver. */
export class WebDriver {
  readonly #session: string;

  private constructor(session: string) {
    this.#session = session;
  }

  /** Has the driver at `url` start a program and take hold of its window. */
  static async start(url: string, program: string): Promise<WebDriver> {
    const always = { "webkitgtk:browserOptions": { binary: program, args: [] } };
    const answer = await call<{ sessionId: string }>("POST", `${url}/session`, {
      capabilities: { alwaysMatch: always },
    });
    return new WebDriver(`${url}/session/${answer.sessionId}`);
  }

  /** Ends the program. */
  async end(): Promise<void> {
    await call("DELETE", this.#session);
  }

  /** Elements that fit a CSS selector, in the order of the page. */
  async all(selector: string): Promise<Element[]> {
    const found = await call<Wire[]>("POST", `${this.#session}/elements`, { using: "css selector", value: selector });
    return found.map((wire) => new Element(`${this.#session}/element/${wire[ELEMENT]}`));
  }

  /** Runs a function in the page, with JSON in and out. It stands alone: nothing around it is there. */
  run<Result, Args extends unknown[]>(work: (...args: Args) => Result, ...args: Args): Promise<Result> {
    return call("POST", `${this.#session}/execute/sync`, { script: `return (${work})(...arguments)`, args });
  }

  /** Presses keys together, the last one while the others are held: `Control+k`. */
  async press(chord: string): Promise<void> {
    const keys = chord.split("+").map((name) => KEYS[name] ?? name);
    const down = keys.map((value) => ({ type: "keyDown", value }));
    const up = keys.reverse().map((value) => ({ type: "keyUp", value }));
    const actions = [{ type: "key", id: "keyboard", actions: [...down, ...up] }];
    await call("POST", `${this.#session}/actions`, { actions });
  }

  /** What is to be seen, as PNG. */
  async screenshot(): Promise<Buffer> {
    return Buffer.from(await call<string>("GET", `${this.#session}/screenshot`), "base64");
  }
}

/** Something on the page. It may be gone by the time it is used. */
export class Element {
  constructor(readonly url: string) {}

  /**
   * Clicks the middle of it with the mouse, if that is what lies there. Not WebDriver's own click: WebKit's fails on what
   * sticks to an edge.
   */
  async click(): Promise<void> {
    const point = await this.#run<[number, number] | null>(
      `const it = arguments[0];
       it.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
       const { x, y, width, height } = it.getBoundingClientRect();
       const point = [Math.floor(x + width / 2), Math.floor(y + height / 2)];
       const top = document.elementFromPoint(...point);
       return it.contains(top) ? point : null;`,
    );
    if (point === null) throw new WebDriverError("element click intercepted", "something else lies over it");
    const [x, y] = point;
    const click = [
      { type: "pointerMove", origin: "viewport", x, y },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 },
    ];
    const mouse = { type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions: click };
    await call("POST", `${this.#session}/actions`, { actions: [mouse] });
  }

  /** Picks an option of a drop-down, which has no place on the page. */
  pick(): Promise<void> {
    return call("POST", `${this.url}/click`, {});
  }

  /** Types over what is in it, which a person would have marked. */
  async type(text: string): Promise<void> {
    await this.#run("arguments[0].focus(); arguments[0].select();");
    await call("POST", `${this.url}/value`, { text: text === "" ? KEYS.Backspace : text });
  }

  /** Its name, as assistive technology is told; empty for what that is not told of. */
  async name(): Promise<string> {
    try {
      return await call("GET", `${this.url}/computedlabel`);
    } catch (thrown) {
      // WebKit's answer for what is inert, hidden or just being taken away.
      if (thrown instanceof WebDriverError && thrown.code === "unknown error") return "";
      throw thrown;
    }
  }

  /** Whether it is rendered. WebKit's own `displayed` takes text that is cut off with an ellipsis for hidden. */
  shown(): Promise<boolean> {
    return this.#run("return arguments[0].checkVisibility({ visibilityProperty: true });");
  }

  text(): Promise<string> {
    return call("GET", `${this.url}/text`);
  }

  async all(selector: string): Promise<Element[]> {
    const found = await call<Wire[]>("POST", `${this.url}/elements`, { using: "css selector", value: selector });
    return found.map((wire) => new Element(`${this.#session}/element/${wire[ELEMENT]}`));
  }

  get #session(): string {
    return this.url.slice(0, this.url.indexOf("/element/"));
  }

  #run<Value>(script: string): Promise<Value> {
    const args = [{ [ELEMENT]: this.url.slice(this.url.lastIndexOf("/") + 1) }];
    return call("POST", `${this.#session}/execute/sync`, { script, args });
  }
}

async function call<Value>(method: string, url: string, body?: object): Promise<Value> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    ...(body ? { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : {}),
  });
  const { value } = (await response.json()) as { value: Value & { error?: string; message?: string } };
  if (!response.ok) {
    const what = `${value.message ?? ""} (${method} ${url.slice(url.lastIndexOf("/") + 1)})`;
    throw new WebDriverError(value.error ?? `HTTP ${response.status}`, what.trim());
  }
  return value;
}
