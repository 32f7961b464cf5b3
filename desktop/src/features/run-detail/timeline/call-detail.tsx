// The inside of a tool call: arguments as they were, what came back, and what is known about repeating it.
import { useQuery } from "@tanstack/react-query";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { Arguments } from "~/features/inbox/arguments";
import { effectWords } from "~/features/inbox/words";
import { workspaceOf } from "~/shared/format/name";
import type { CallEntry } from "../journal/entries";
import { isWhole, type Kept } from "../journal/kept";
import { ArtifactLink } from "../summary/artifacts";
import { CodeBlock } from "../text/code-block";
import { CopyButton } from "../text/copy-button";
import { pretty } from "../text/json";
import { useWhole } from "../use-record";
import { Part } from "./note";

export function CallDetail({ entry }: { entry: CallEntry }) {
  const whole = useWhole();
  const { argumentsJson, proposedJson, result, question, effect, artifact } = entry;
  return (
    <div className="max-w-[92ch] pb-1.5">
      {question ? (
        <Choices choices={question.choices} />
      ) : (
        <Part
          name={proposedJson ? "Arguments, as a person changed them" : "Arguments"}
          aside={<CopyHeld held={argumentsJson} />}
        >
          <Held json={argumentsJson} />
        </Part>
      )}
      {proposedJson ? (
        <Part name="Arguments, as the agent wrote them" aside={<CopyHeld held={proposedJson} />}>
          <Held json={proposedJson} />
        </Part>
      ) : null}
      {result ? (
        <Part name={question ? "Answer" : entry.state === "failed" ? "What went wrong" : "Result"}>
          {result.text === "" ? (
            <p className="text-muted">Nothing came back.</p>
          ) : (
            <CodeBlock
              text={result.text}
              length={result.length}
              language={pretty(result.text) === null ? "" : "json"}
              label="Result"
              tone={entry.state === "failed" ? "bad" : "plain"}
              whole={() => whole(result, (event) => event.toolCallCompleted?.content)}
            />
          )}
        </Part>
      ) : null}
      {artifact ? <Written name={artifact} /> : null}
      {effect ? <p className="mt-2 text-faint text-xs">{effectWords(effect)}</p> : null}
    </div>
  );
}

const CopyHeld = ({ held }: { held: Kept }) =>
  isWhole(held) && held.length > 2 ? (
    <CopyButton label="Copy: Arguments" text={held.text} className="h-4 min-w-5" />
  ) : null;

/** Arguments in full, or the beginning of long ones as text. */
function Held({ json }: { json: Kept }) {
  const whole = useWhole();
  if (isWhole(json)) return <Arguments json={json.text} />;
  const read = () =>
    whole(json, (event) => event.toolCallStarted?.argumentsJson ?? event.approvalRequested?.argumentsJson);
  return <CodeBlock text={json.text} length={json.length} label="Arguments" whole={read} />;
}

function Choices({ choices }: { choices: readonly string[] }) {
  if (choices.length === 0) return null;
  return (
    <Part name="Choices">
      <ul className="flex flex-wrap gap-1.5">
        {choices.map((choice) => (
          <li key={choice} className="rounded-control bg-sunken px-2 py-0.5 text-xs ring-1 ring-line">
            {choice}
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Written({ name }: { name: string }) {
  const transport = useTransport();
  const about = useQuery({
    queryKey: [...keys.workspace(workspaceOf(name)), "artifact", name],
    queryFn: ({ signal }) =>
      call(transport, operations.getArtifact, { on: name, signal }).then((reply) => reply.artifact),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return about.data ? (
    <Part name={`Wrote revision ${about.data.revision}`}>
      <div className="max-w-80 px-1.5">
        <ArtifactLink artifact={about.data} />
      </div>
    </Part>
  ) : null;
}
