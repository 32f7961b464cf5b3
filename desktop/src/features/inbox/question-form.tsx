// Answering a question: one of its choices by number, or in words.
import { useKeys } from "~/shared/keyboard/use-keys";
import { Button } from "~/shared/ui/button";
import type { Answering } from "./item-peek";
import { ReasonForm } from "./reason-form";

export function QuestionForm({ item, busy, decide }: Answering) {
  const answer = (text: string) => decide({ answer: { text } });
  const numbered = item.choices.slice(0, 9).map((choice, index) => [String(index + 1), () => answer(choice)] as const);
  useKeys(Object.fromEntries(numbered), !busy);
  if (item.choices.length === 0) {
    return (
      <ReasonForm
        label="Your answer"
        hint={`${item.agentDisplayName || "The agent"} goes on with it.`}
        verb="Answer"
        most={8000}
        onSubmit={answer}
      />
    );
  }
  return (
    <fieldset className="space-y-2">
      <legend className="mb-2 text-muted text-xs">Choose an answer; it is sent at once.</legend>
      <div className="flex flex-wrap gap-2">
        {item.choices.map((choice, index) => (
          <Button
            key={choice}
            busy={busy}
            onClick={() => answer(choice)}
            className="h-auto min-h-8 max-w-full whitespace-normal py-1 text-left"
            {...(index < 9 ? { hotkey: String(index + 1) } : {})}
          >
            {choice}
          </Button>
        ))}
      </div>
    </fieldset>
  );
}
