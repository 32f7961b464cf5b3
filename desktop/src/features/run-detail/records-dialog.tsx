// The journal's own records behind an entry, as JSON.
import { useQueries } from "@tanstack/react-query";
import { useTransport } from "~/app/transport";
import { Dialog } from "~/shared/ui/dialog";
import { ProblemNote } from "~/shared/ui/problem-note";
import { CodeBlock } from "./text/code-block";
import { CopyButton } from "./text/copy-button";
import { recordQuery } from "./use-record";

/** Records that are shown at once. */
const MOST = 50;

export function RecordsDialog({ run, seqs, onClose }: { run: string; seqs: readonly number[]; onClose: () => void }) {
  const transport = useTransport();
  const shown = seqs.slice(0, MOST);
  const records = useQueries({ queries: shown.map((seq) => recordQuery(transport, run, seq)) });
  const all = records.flatMap((record) => (record.data ? [record.data] : []));
  return (
    <Dialog
      title={shown.length === 1 ? `Record ${shown[0]}` : `Records ${shown.join(", ")}`}
      description="As the journal has it. Records are never changed."
      onClose={onClose}
      className="w-[min(860px,calc(100vw-32px))]"
    >
      <div className="space-y-3">
        {records.map((record, index) =>
          record.data ? (
            <CodeBlock
              key={shown[index]}
              text={JSON.stringify(record.data, null, 2)}
              language="json"
              label={`Record ${shown[index]}`}
            />
          ) : record.error ? (
            <ProblemNote key={shown[index]} problem={record.error} />
          ) : (
            <div key={shown[index]} role="status" aria-label="Loading" className="h-24 rounded-control bg-sunken" />
          ),
        )}
        {all.length === shown.length && shown.length > 1 ? (
          <CopyButton label="Copy all records" text={JSON.stringify(all, null, 2)}>
            Copy all
          </CopyButton>
        ) : null}
      </div>
    </Dialog>
  );
}
