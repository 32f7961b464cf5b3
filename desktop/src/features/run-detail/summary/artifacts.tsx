// Files that a run has written, to look at and to keep.
import { useQuery } from "@tanstack/react-query";
import { Download, FileText } from "lucide-react";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { Artifact } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { workspaceOf } from "~/shared/format/name";
import { useSave } from "./use-save";

/** `312 B`, `4.1 kB`. */
const size = (bytes: number): string =>
  bytes < 1_000
    ? `${bytes} B`
    : bytes < 1_000_000
      ? `${(bytes / 1_000).toFixed(1)} kB`
      : `${(bytes / 1_000_000).toFixed(1)} MB`;

/** The newest revision of each file. `written` rises with each that is written, so that the list is read again. */
export function Artifacts({ run, written }: { run: string; written: number }) {
  const transport = useTransport();
  const workspace = workspaceOf(run);
  const list = useQuery({
    queryKey: [...keys.workspace(workspace), "artifacts", run, written],
    queryFn: ({ signal }) =>
      call(transport, operations.listArtifacts, { on: workspace, query: { run, pageSize: 100 }, signal }),
    enabled: written > 0,
    placeholderData: (before) => before,
  });
  const newest = new Map<string, Artifact>();
  for (const artifact of list.data?.artifacts ?? [])
    if (!newest.has(artifact.path)) newest.set(artifact.path, artifact);
  if (newest.size === 0) return null;
  return (
    <ul aria-label="Files" className="space-y-0.5">
      {[...newest.values()].map((artifact) => (
        <li key={artifact.name}>
          <ArtifactLink artifact={artifact} />
        </li>
      ))}
    </ul>
  );
}

/** A file with its size; pressing it saves it on this machine. */
export function ArtifactLink({ artifact }: { artifact: Artifact }) {
  const save = useSave();
  return (
    <button
      type="button"
      aria-label={`Download ${artifact.path}`}
      onClick={() => void save(`/v1/${artifact.name}:download`, artifact.path.split("/").at(-1))}
      className="group -mx-1.5 flex h-7 w-[calc(100%+12px)] items-center gap-2 rounded-control px-1.5 text-left text-xs hover:bg-hover"
    >
      <FileText aria-hidden className="size-3.5 shrink-0 stroke-[1.5] text-muted" />
      <code className="min-w-0 flex-1 truncate">{artifact.path}</code>
      <span className="shrink-0 text-faint tabular-nums">{size(Number(artifact.sizeBytes))}</span>
      <Download
        aria-hidden
        className="size-3.5 shrink-0 stroke-[1.5] text-muted opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100"
      />
    </button>
  );
}
