// People's orders: delivered, effective, or overtaken by something else.
import type { CommandDelivered, RunRetried } from "~/api/gen/schemas";
import type { Book, Mark } from "./book";
import type { OrderEntry } from "./entries";

export const orderId = (command: string): string => `order:${command}`;

/** Settles the open orders that `which` picks. */
function settle(
  book: Book,
  state: "effective" | "superseded",
  time: string | undefined,
  which: (order: OrderEntry) => boolean,
) {
  for (const id of [...book.openOrders]) {
    const order = book.find(id, "order");
    if (!order || !which(order)) continue;
    book.openOrders.delete(id);
    book.put({ ...order, state, ...(state === "effective" ? { effectTime: time } : {}) });
  }
}

export function commandDelivered(book: Book, delivered: CommandDelivered, mark: Mark): void {
  const { command, kind, requester, reason, text, interrupt, requestTime } = delivered;
  const id = orderId(command);
  const open = [...book.openOrders].map((each) => book.find(each, "order"));
  const order: OrderEntry = {
    kind: "order",
    id,
    seqs: [mark.seq],
    time: mark.time,
    command,
    order: kind,
    by: requester,
    reason,
    text,
    interrupt,
    requestTime,
    deliverTime: mark.time,
    effectTime: undefined,
    state: "delivered",
  };
  book.openOrders.add(id);
  book.put(order);
  const cancelling = open.some((each) => each?.order === "COMMAND_KIND_CANCEL");
  const pausing = open.some((each) => each?.order === "COMMAND_KIND_PAUSE");
  const resumes = kind === "COMMAND_KIND_RESUME";
  // A resumption takes back a pause that is not effective yet, and then has no record of its own.
  if (resumes) settle(book, "superseded", mark.time, (each) => each.order === "COMMAND_KIND_PAUSE");
  if (cancelling || (kind === "COMMAND_KIND_PAUSE" && (pausing || book.paused))) {
    settle(book, "superseded", mark.time, (each) => each.id === id);
  } else if (resumes && !book.paused) {
    settle(book, "effective", mark.time, (each) => each.id === id);
  }
}

/** `paused`, `resumed` and `cancelled` name the order that did it. */
export function effective(book: Book, command: string, mark: Mark): void {
  const order = book.find(orderId(command), "order");
  if (order) book.put({ ...order, seqs: [...order.seqs, mark.seq] });
  settle(book, "effective", mark.time, (each) => each.command === command);
}

/** The run is over: what is not effective never will be. */
export const overtaken = (book: Book, mark: Mark): void => settle(book, "superseded", mark.time, () => true);

/** A failed run goes on: the order is told of when it is so already. */
export function retried(book: Book, { command, requester, reason, requestTime }: RunRetried, mark: Mark): void {
  book.reopen();
  book.put({
    kind: "order",
    id: orderId(command),
    seqs: [mark.seq],
    time: mark.time,
    command,
    order: "COMMAND_KIND_RETRY",
    by: requester,
    reason,
    text: "",
    interrupt: false,
    requestTime,
    deliverTime: mark.time,
    effectTime: mark.time,
    state: "effective",
  });
}
