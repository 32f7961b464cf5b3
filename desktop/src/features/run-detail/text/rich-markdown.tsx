// A model's words as Markdown. No raw HTML, nothing loaded from elsewhere: pictures are links, and links say where they lead.
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { cn } from "~/shared/ui/cn";
import { CodeBlock } from "./code-block";

const PLUGINS = [remarkGfm];

const heading = "mt-4 mb-1.5 font-semibold first:mt-0";

const COMPONENTS: Components = {
  // Headings of a text are no headings of the page.
  h1: ({ children }) => <p className={cn(heading, "text-lg")}>{children}</p>,
  h2: ({ children }) => <p className={cn(heading, "text-base")}>{children}</p>,
  h3: ({ children }) => <p className={heading}>{children}</p>,
  h4: ({ children }) => <p className={heading}>{children}</p>,
  h5: ({ children }) => <p className={heading}>{children}</p>,
  h6: ({ children }) => <p className={heading}>{children}</p>,
  p: ({ children }) => <p className="my-2 text-pretty first:mt-0 last:mb-0">{children}</p>,
  ul: ({ children }) => <ul className="my-2 list-disc space-y-1 pl-5 marker:text-faint">{children}</ul>,
  ol: ({ children, start }) => (
    <ol start={start} className="my-2 list-decimal space-y-1 pl-6 marker:text-faint marker:tabular-nums">
      {children}
    </ol>
  ),
  blockquote: ({ children }) => <blockquote className="my-2 border-l-2 pl-3 text-muted">{children}</blockquote>,
  hr: () => <hr className="my-3" />,
  a: ({ href, children }) => (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer" className="text-accent-text underline">
      {children}
    </a>
  ),
  img: ({ src, alt }) => (
    <a
      href={typeof src === "string" ? src : undefined}
      target="_blank"
      rel="noopener noreferrer"
      className="text-accent-text underline"
    >
      picture{alt ? `: ${alt}` : ""}
    </a>
  ),
  table: ({ children }) => (
    <div className="my-2 overflow-x-auto rounded-control border">
      <table className="w-full text-left [&_td]:border-t [&_td]:px-2.5 [&_td]:py-1.5 [&_th]:bg-sunken [&_th]:px-2.5 [&_th]:py-1.5 [&_th]:font-medium">
        {children}
      </table>
    </div>
  ),
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const text = String(children ?? "");
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    return language !== undefined || text.includes("\n") ? (
      <CodeBlock text={text.replace(/\n$/, "")} language={language ?? ""} className="my-2" />
    ) : (
      <code className="break-words rounded-[4px] bg-sunken px-1 py-px text-[0.92em] ring-1 ring-line">{children}</code>
    );
  },
};

/** Shows `text`. */
export default function RichMarkdown({ text }: { text: string }) {
  return (
    <div className="min-w-0 break-words">
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS} skipHtml>
        {text}
      </ReactMarkdown>
    </div>
  );
}
