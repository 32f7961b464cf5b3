// A model's words as Markdown. What reads it is fetched when it is first needed; until then they stand as they are.
import { lazy, memo, Suspense } from "react";

const RichMarkdown = lazy(() => import("./rich-markdown"));

/** Shows `text`; reads it again only when it changes. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <Suspense fallback={<div className="min-w-0 whitespace-pre-wrap break-words">{text}</div>}>
      <RichMarkdown text={text} />
    </Suspense>
  );
});
