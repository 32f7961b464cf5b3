// The wire under the page's socket: seen, and cut.
import type { Page } from "@playwright/test";

export class Wire {
  /** Sequence numbers of the run's events, as they came. */
  readonly seen: number[] = [];
  /** How often the page has connected. */
  connections = 0;
  #cut = false;
  #drop: () => void = () => undefined;

  static async under(page: Page): Promise<Wire> {
    const wire = new Wire();
    await page.routeWebSocket(/\/v1\/ws$/, (socket) => {
      if (wire.#cut) return void socket.close({ code: 4000 });
      wire.connections += 1;
      const server = socket.connectToServer();
      wire.#drop = () => {
        void socket.close({ code: 4000 });
        void server.close();
      };
      server.onMessage((message) => {
        const frame = JSON.parse(message.toString()) as { type: string; topic?: string; event?: { seq?: string } };
        if (frame.topic?.includes("/runs/") && frame.event?.seq) wire.seen.push(Number(frame.event.seq));
        socket.send(message);
      });
    });
    return wire;
  }

  async cut(page: Page): Promise<void> {
    this.#cut = true;
    await page.context().setOffline(true);
    this.#drop();
  }

  async mend(page: Page): Promise<void> {
    this.#cut = false;
    await page.context().setOffline(false);
  }
}
