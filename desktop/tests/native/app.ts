// The program under test: started as a person starts it, with a screen, a session bus and a keychain of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Hand } from "../shared/hand";
import { handOn } from "./hand";
import { WebDriver } from "./webdriver";

/** A setting of scripts/native.sh. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with scripts/native.sh, which starts all they need`);
  return value;
}

/** WebKit's driver. It starts and ends the programs that it drives. */
export class Driver {
  readonly #process: ChildProcess;
  readonly #url: string;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  static async start(): Promise<Driver> {
    const port = await freePort();
    const child = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], {
      // Tauri lets its web view be driven only when this is set.
      env: { ...process.env, TAURI_WEBVIEW_AUTOMATION: "true" },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; ; tries += 1) {
      if (
        await fetch(`${url}/status`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        return new Driver(child, url);
      if (tries > 100 || child.exitCode !== null) throw new Error("WebKitWebDriver does not start");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Starts the program and takes hold of its window. */
  async open(): Promise<Window> {
    return new Window(await WebDriver.start(this.#url, setting("MC_DESKTOP_BIN")));
  }

  stop(): void {
    this.#process.kill();
  }
}

/** The window of the program. */
export class Window {
  readonly hand: Hand;

  constructor(readonly driver: WebDriver) {
    this.hand = handOn(driver);
  }

  /** Keeps a picture of the window as it is. */
  async picture(name: string): Promise<void> {
    // What was just drawn is on the screen a few frames later.
    await new Promise((resolve) => setTimeout(resolve, 300));
    writeFileSync(`${setting("MC_E2E_OUTPUT")}/${name}.png`, await this.driver.screenshot());
  }

  /** Ends the program, and waits until it has gone: until then a second start would only bring this one to the front. */
  async close(): Promise<void> {
    await this.driver.end();
    for (let tries = 0; isRunning(); tries += 1) {
      if (tries > 100) throw new Error("the program does not end");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Asks something of the session bus that the program is on too. */
function ask(service: string, path: string, ...call: string[]): string {
  const words = ["--session", "--print-reply", `--dest=${service}`, path, ...call];
  return execFileSync("dbus-send", words, { encoding: "utf8" });
}

function isRunning(): boolean {
  const bus = "org.freedesktop.DBus";
  const name = "string:app.missioncontrol.desktop.SingleInstance";
  return ask(bus, "/org/freedesktop/DBus", `${bus}.NameHasOwner`, name).includes("boolean true");
}

/** Accounts of the entries that the program keeps in the keychain: addresses of gateways. Secrets are not read. */
export function keychainAccounts(): string[] {
  const secrets = "org.freedesktop.secrets";
  const found = ask(
    secrets,
    "/org/freedesktop/secrets",
    "org.freedesktop.Secret.Service.SearchItems",
    "dict:string:string:service,app.missioncontrol.desktop",
  );
  return [...found.matchAll(/object path "([^"]+)"/g)].map(([, path]) => {
    const attributes = ask(
      secrets,
      path ?? "",
      "org.freedesktop.DBus.Properties.Get",
      "string:org.freedesktop.Secret.Item",
      "string:Attributes",
    );
    return /string "username"\s+string "([^"]*)"/.exec(attributes)?.[1] ?? "";
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
