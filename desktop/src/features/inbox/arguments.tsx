// The arguments of a call, as a person reads them: short ones first and in a line, long texts as they are, the rest as JSON.
import { argumentsOf } from "./words";

/** Texts longer than this get a block of their own. */
const LONG = 72;

export function Arguments({ json }: { json: string }) {
  const entries = Object.entries(argumentsOf({ argumentsJson: json }) ?? {});
  if (entries.length === 0)
    return json.trim() === "{}" ? <p className="text-muted">No arguments.</p> : <Block text={json} />;
  const short = entries.filter(([, value]) => isShort(value));
  const long = entries.filter(([, value]) => !isShort(value));
  return (
    <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-4 gap-y-1.5 rounded-panel border bg-bg p-3">
      {short.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="font-mono text-muted text-xs">{name}</dt>
          <dd className="min-w-0 break-words font-mono text-xs">
            {value === "" ? <span className="text-faint">empty</span> : String(value)}
          </dd>
        </div>
      ))}
      {long.map(([name, value]) => (
        <div key={name} className="col-span-2 mt-1 first:mt-0">
          <dt className="mb-1 font-mono text-muted text-xs">{name}</dt>
          <dd className="min-w-0">
            <Block text={typeof value === "string" ? value : JSON.stringify(value, null, 2)} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** True for what fits in a line. */
export function isShort(value: unknown): boolean {
  if (typeof value === "string") return value.length <= LONG && !value.includes("\n");
  return value === null || typeof value !== "object";
}

function Block({ text }: { text: string }) {
  return (
    <pre
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
      tabIndex={0}
      className="max-h-[28rem] overflow-auto whitespace-pre-wrap break-words rounded-control bg-sunken px-2.5 py-2 text-xs leading-[1.55]"
    >
      {text}
    </pre>
  );
}
