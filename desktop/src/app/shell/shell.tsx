// The frame of every screen: sidebar, the screen itself, status bar, and what is reached by keys from anywhere.
import { Outlet, useNavigate } from "@tanstack/react-router";
import { Building2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useInboxNotices } from "~/features/inbox/notices";
import { useKeys } from "~/shared/keyboard/use-keys";
import { useAppearance } from "~/shared/stores/appearance";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";
import { ProblemNote } from "~/shared/ui/problem-note";
import { useTransport } from "../transport";
import { LiveWorkspace } from "../workspace/live";
import { WorkspaceProvider } from "../workspace/workspace";
import { ConnectionBanner } from "./connection-banner";
import { Sidebar } from "./sidebar";
import { StatusBar } from "./status-bar";

const Palette = lazy(() => import("./palette"));
const ShortcutSheet = lazy(() => import("./shortcut-sheet"));

export function Shell() {
  const transport = useTransport();
  return (
    <WorkspaceProvider
      pending={<div role="status" aria-label="Loading" className="h-full bg-sunken" />}
      failed={(problem, retry) => (
        <main className="mx-auto grid h-full max-w-xl place-content-center p-6">
          <ProblemNote problem={problem}>
            <Button size="sm" onClick={retry}>
              Try again
            </Button>
            <Button size="sm" look="quiet" onClick={() => void transport.signOut()}>
              Sign out
            </Button>
          </ProblemNote>
        </main>
      )}
      none={
        <main className="h-full">
          <Empty
            icon={Building2}
            title="You are in no workspace"
            action={<Button onClick={() => void transport.signOut()}>Sign out</Button>}
          >
            Ask an owner to add you, or sign in with another account.
          </Empty>
        </main>
      }
    >
      <LiveWorkspace>
        <Frame />
      </LiveWorkspace>
    </WorkspaceProvider>
  );
}

type Overlay = "palette" | "sheet" | null;

function Frame() {
  const navigate = useNavigate();
  const toggleSidebar = useAppearance((state) => state.toggleSidebar);
  const [overlay, setOverlay] = useState<Overlay>(null);
  const close = () => setOverlay(null);
  useInboxNotices();

  useKeys({
    "mod+k": () => setOverlay((now) => (now === "palette" ? null : "palette")),
    "?": () => setOverlay("sheet"),
    c: () => void navigate({ to: "/tasks/new" }),
    "[": toggleSidebar,
    n: () => void navigate({ to: "/inbox", search: { item: "next" } }),
    "g i": () => void navigate({ to: "/inbox" }),
    "g a": () => void navigate({ to: "/inbox/rules" }),
    "g t": () => void navigate({ to: "/tasks" }),
    "g r": () => void navigate({ to: "/runs" }),
    "g m": () => void navigate({ to: "/team" }),
    "g h": () => void navigate({ to: "/schedules" }),
    "g n": () => void navigate({ to: "/settings/notifications" }),
    "g s": () => void navigate({ to: "/settings" }),
  });

  return (
    <div className="flex h-full flex-col bg-sunken">
      <a
        href="#screen"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-control focus:bg-overlay focus:px-3 focus:py-2"
      >
        Skip to the screen
      </a>
      <div className="flex min-h-0 flex-1">
        <Sidebar onSearch={() => setOverlay("palette")} onShortcuts={() => setOverlay("sheet")} />
        <div className="flex min-w-0 flex-1 flex-col border-l bg-bg">
          <ConnectionBanner />
          <main id="screen" tabIndex={-1} className="min-h-0 flex-1 focus-visible:outline-none">
            <Outlet />
          </main>
        </div>
      </div>
      <StatusBar onSearch={() => setOverlay("palette")} />
      <Suspense fallback={null}>
        {overlay === "palette" ? <Palette onClose={close} onShortcuts={() => setOverlay("sheet")} /> : null}
        {overlay === "sheet" ? <ShortcutSheet onClose={close} /> : null}
      </Suspense>
    </div>
  );
}
