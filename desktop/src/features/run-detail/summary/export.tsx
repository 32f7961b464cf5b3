// A run to keep: its journal, its orders, its items and its files in one JSON file.
import { FileJson } from "lucide-react";
import type { Run } from "~/api/gen/schemas";
import { idOf } from "~/shared/format/name";
import { Button } from "~/shared/ui/button";
import { useSlowSave } from "./use-save";

export function Export({ run }: { run: Run }) {
  const [save, busy] = useSlowSave();
  return (
    <Button
      size="sm"
      busy={busy}
      title="Everything that belongs to this run, with its files, as it is now"
      onClick={() => void save(`/v1/${run.name}:export?artifactContent=true`, `run-${idOf(run.name)}.json`)}
    >
      <FileJson aria-hidden />
      {busy ? "Exporting…" : "Export as JSON"}
    </Button>
  );
}
