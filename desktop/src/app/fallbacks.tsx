// What is shown when a screen cannot be: it was not found, or it failed.
import { Link, useRouter } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { ProblemNote } from "~/shared/ui/problem-note";

/** An address without a screen. */
export function NotHere() {
  return (
    <Empty
      icon={Compass}
      title="There is nothing at this address"
      action={
        <Button look="primary" asChild>
          <Link to="/inbox">Open the inbox</Link>
        </Button>
      }
    >
      The link may be old, or what it names was removed.
    </Empty>
  );
}

/** A screen that could not be loaded or drawn. */
export function LoadFailed({ error }: { error: unknown }) {
  const router = useRouter();
  return (
    <div className="mx-auto max-w-xl p-6">
      <ProblemNote problem={error}>
        <Button size="sm" onClick={() => void router.invalidate()}>
          Try again
        </Button>
        <Button size="sm" onClick={() => window.location.reload()}>
          Reload
        </Button>
      </ProblemNote>
    </div>
  );
}
