// The arguments of a call, as a person reads them: short ones in a line, long texts as they are, the rest as JSON.
import { argumentsOf } from "./words";

/** Texts longer than this get a block of their own. */
const LONG = 72;

export function Arguments({ json }: { json: string }) {
  const entries = Object.entries(argumentsOf({ argumentsJson: json }) ?? {});
  if (entries.length === 0)
    return json.trim() === "{}" ? <p className="text-muted">No arguments.</p> : <Block text={json} />;
  return (
    <dl className="space-y-2.5 rounded-panel border bg-bg p-3">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt className="mb-0.5 font-mono text-muted text-xs">{name}</dt>
          <dd className="min-w-0">
            <Value value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ value }: { value: unknown }) {
  if (typeof value === "string" && value.length <= LONG && !value.includes("\n")) {
    return <span className="break-words font-mono text-xs">{value || <span className="text-faint">empty</span>}</span>;
  }
  return <Block text={typeof value === "string" ? value : JSON.stringify(value, null, 2)} />;
}

function Block({ text }: { text: string }) {
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
      tabIndex={0}
      className="max-h-72 overflow-auto whitespace-pre-wrap break-words rounded-control bg-sunken px-2.5 py-2 text-xs leading-[1.55]"
    >
      {text}
    </pre>
  );
}
