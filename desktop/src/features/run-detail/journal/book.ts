// The entries of a timeline while it is put together: found by id, replaced as they grow, never changed in place.
import type { CallEntry, Entry, ModelEntry, Timeline } from "./entries";

/** What every record has. */
export interface Mark {
  readonly seq: number;
  readonly time: string | undefined;
}

const UNSETTLED: readonly CallEntry["state"][] = ["asked", "decided", "resting", "delegated"];

export class Book {
  readonly #entries: Entry[] = [];
  readonly #places = new Map<string, number>();
  /** Model calls and tool calls without a result. */
  readonly #underWay = new Set<string>();
  /** Calls that wait for a person. */
  readonly #waiting = new Set<string>();
  /** Orders that were delivered and whose effect is to come. */
  readonly openOrders = new Set<string>();
  /** Calls by the runs that they handed work to. */
  readonly parents = new Map<string, string>();
  lastTime: string | undefined;
  /** True while the run waits for the time of another attempt, in nobody's hands. */
  retrying = false;
  lost = 0;
  paused = false;

  find<Kind extends Entry["kind"]>(id: string, kind: Kind): Extract<Entry, { kind: Kind }> | undefined {
    const place = this.#places.get(id);
    const entry = place === undefined ? undefined : this.#entries[place];
    return entry?.kind === kind ? (entry as Extract<Entry, { kind: Kind }>) : undefined;
  }

  /** Puts an entry at its place, or at the end if it is new. */
  put(entry: Entry): void {
    const place = this.#places.get(entry.id);
    if (place === undefined) {
      this.#places.set(entry.id, this.#entries.length);
      this.#entries.push(entry);
    } else this.#entries[place] = entry;
    if (entry.kind !== "model" && entry.kind !== "call") return;
    set(this.#underWay, entry.id, entry.state === "running");
    set(this.#waiting, entry.id, entry.state === "asked");
  }

  /** Replaces each model call and tool call that is under way. */
  eachUnderWay(change: (entry: ModelEntry | CallEntry) => Entry): number {
    const ids = [...this.#underWay];
    for (const id of ids) this.#change(id, change);
    return ids.length;
  }

  /** Replaces each call that waits for a person, a time or others, or for a worker to act on what was decided. */
  eachUnsettled(change: (entry: CallEntry) => Entry): void {
    for (const entry of this.#entries) {
      if (entry.kind === "call" && UNSETTLED.includes(entry.state)) this.put(change(entry));
    }
  }

  /** The run goes on after its end. */
  reopen(): void {
    const last = this.#entries.at(-1);
    if (last?.kind === "end") this.put({ ...last, retried: true });
  }

  #change(id: string, change: (entry: ModelEntry | CallEntry) => Entry): void {
    const entry = this.find(id, "model") ?? this.find(id, "call");
    if (entry) this.put(change(entry));
  }

  snapshot(head: number): Timeline {
    const last = this.#entries.at(-1);
    return {
      entries: this.#entries.slice(),
      head,
      waiting: [...this.#waiting],
      lost: this.lost,
      paused: this.paused,
      end: last?.kind === "end" ? last : null,
    };
  }
}

function set(ids: Set<string>, id: string, member: boolean): void {
  if (member) ids.add(id);
  else ids.delete(id);
}
