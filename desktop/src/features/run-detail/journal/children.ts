// Work that a run hands to others: who got what, and what became of it.
import type { ChildEnded, ChildrenCancelled, ChildrenStarted, RunState } from "~/api/gen/schemas";
import type { Book, Mark } from "./book";
import { type Child, callEntryId } from "./entries";
import { kept } from "./kept";
import { known } from "./tool-calls";

const ENDS: Partial<Record<RunState, Child["state"]>> = {
  RUN_STATE_SUCCEEDED: "succeeded",
  RUN_STATE_FAILED: "failed",
  RUN_STATE_CANCELLED: "cancelled",
};

export function childrenStarted(book: Book, started: ChildrenStarted, mark: Mark): void {
  const { step, callId } = started;
  const children = started.children.map(({ run, teammate, title }): Child => {
    book.parents.set(run, callEntryId(step, callId));
    return { run, teammate, title, state: "working", said: null, costNanoUsd: "0", files: 0 };
  });
  const call = known(book, { step, callId }, "delegate", mark);
  book.put({ ...call, state: "delegated", children, anyIsEnough: started.wait === "CHILD_WAIT_ANY" });
}

/** A child may end long after its call has its result; the call tells of it all the same. */
export function childEnded(book: Book, ended: ChildEnded, mark: Mark): boolean {
  const { run, summary, error, costNanoUsd, artifacts, moreArtifacts } = ended;
  const state = ENDS[ended.state] ?? "failed";
  const said = kept(state === "succeeded" ? summary : (error?.message ?? ""), mark.seq);
  const files = artifacts.length + moreArtifacts;
  return change(book, run, mark, (child) => ({ ...child, state, said, costNanoUsd, files }));
}

export function childrenCancelled(book: Book, cancelled: ChildrenCancelled, mark: Mark): boolean {
  const told = cancelled.children.map(({ run }) =>
    change(book, run, mark, (child) => (child.state === "working" ? { ...child, state: "stopping" } : child)),
  );
  return told.every(Boolean);
}

/** False where nobody handed work to the run. */
function change(book: Book, run: string, mark: Mark, how: (child: Child) => Child): boolean {
  const call = book.find(book.parents.get(run) ?? "", "call");
  if (!call) return false;
  const seqs = call.seqs.includes(mark.seq) ? call.seqs : [...call.seqs, mark.seq];
  book.put({ ...call, seqs, children: call.children.map((child) => (child.run === run ? how(child) : child)) });
  return true;
}
