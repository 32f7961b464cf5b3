// A conversation that was made shorter: what the model reads now, and which records it stands for.
import type { ContextCompacted } from "~/api/gen/schemas";
import type { Book, Mark } from "./book";
import { kept } from "./kept";

export function contextCompacted(book: Book, compacted: ContextCompacted, mark: Mark): void {
  const { step, text, costNanoUsd, shortened } = compacted;
  book.put({
    kind: "context",
    id: `seq:${mark.seq}`,
    seqs: [mark.seq],
    time: mark.time,
    step,
    firstSeq: Number(compacted.firstSeq),
    lastSeq: Number(compacted.lastSeq),
    text: text ? kept(text, mark.seq) : null,
    shortened: shortened.map(({ seq }) => Number(seq)),
    tokensBefore: Number(compacted.tokensBefore),
    tokensAfter: Number(compacted.tokensAfter),
    windowTokens: Number(compacted.windowTokens),
    costNanoUsd,
  });
}
