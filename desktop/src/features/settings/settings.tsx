// Settings: who is signed in and how it looks. Only what there is.
import { Link } from "@tanstack/react-router";
import { BellRing } from "lucide-react";
import type { ReactNode } from "react";
import { roleWord } from "~/app/shell/sidebar";
import { useReadable, useTransport } from "~/app/transport";
import { useMe, useMembership } from "~/app/workspace/workspace";
import { type Density, type Theme, useAppearance } from "~/shared/stores/appearance";
import { Button } from "~/shared/ui/button";
import { Fact, Facts, Filters, Screen } from "~/shared/ui/screen";

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];
const DENSITIES: readonly { value: Density; label: string }[] = [
  { value: "comfortable", label: "Comfortable" },
  { value: "compact", label: "Compact" },
];
const STORES = {
  browser: "in this browser's storage, for this address alone",
  keychain: "in the keychain of this machine",
  memory: "in memory, until this window closes",
} as const;

export function Settings() {
  const transport = useTransport();
  const gateway = useReadable(transport.gateway);
  const { user } = useMe();
  const membership = useMembership();
  const { theme, density, setTheme, setDensity } = useAppearance();
  return (
    <Screen title="Settings">
      <div className="mx-auto h-full max-w-2xl space-y-8 overflow-auto p-6">
        <Part title="Account">
          <Facts>
            <Fact name="Name">{user.displayName || user.email}</Fact>
            <Fact name="E-mail">{user.email}</Fact>
            <Fact name="Workspace">
              {membership.workspaceDisplayName} <span className="text-muted">({roleWord(membership.role)})</span>
            </Fact>
            <Fact name="Gateway">{gateway}</Fact>
            <Fact name="Session">Kept {STORES[transport.capabilities.secretStore]}.</Fact>
          </Facts>
          <Button onClick={() => void transport.signOut()}>Sign out</Button>
        </Part>
        <Part title="Notifications">
          <p className="max-w-[60ch] text-pretty text-muted">
            Word to Slack or to an address of yours when a run needs somebody, or has ended; with what became of each.
          </p>
          <Button asChild>
            <Link to="/settings/notifications">
              <BellRing aria-hidden />
              Channels and deliveries
            </Link>
          </Button>
        </Part>
        <Part title="Appearance">
          <div className="grid grid-cols-[max-content_1fr] items-center gap-x-5 gap-y-2">
            <span className="text-muted">Theme</span>
            <Filters label="Theme" options={THEMES} value={theme} onChange={setTheme} />
            <span className="text-muted">Rows</span>
            <Filters label="Rows" options={DENSITIES} value={density} onChange={setDensity} />
          </div>
        </Part>
      </div>
    </Screen>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="space-y-4">
      <h2 className="border-b pb-2 font-semibold text-lg">{title}</h2>
      {children}
    </section>
  );
}
