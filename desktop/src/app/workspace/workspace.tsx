// The workspace that is looked at: one of the person's, remembered on this machine.
import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { create } from "zustand";
import { persist } from "zustand/middleware";
import type { GetMeResponse, Membership } from "~/api/gen/schemas";
import { meQuery } from "~/api/queries";
import { useTransport } from "../transport";

interface Choice {
  workspace: string | null;
  choose(workspace: string): void;
}

/** What was chosen last; it may be none of the person's any more. */
export const useWorkspaceChoice = create<Choice>()(
  persist((set) => ({ workspace: null, choose: (workspace) => set({ workspace }) }), { name: "mc.workspace" }),
);

interface Place {
  me: GetMeResponse;
  membership: Membership;
}

const PlaceContext = createContext<Place | null>(null);

interface WorkspaceProviderProps {
  /** Shown while it is not known who is signed in. */
  pending: ReactNode;
  failed: (problem: unknown, retry: () => void) => ReactNode;
  /** Shown to a person without any workspace. */
  none: ReactNode;
  children: ReactNode;
}

/** Reads who is signed in, and settles on a workspace for everything below. */
export function WorkspaceProvider({ pending, failed, none, children }: WorkspaceProviderProps) {
  const me = useQuery(meQuery(useTransport()));
  const chosen = useWorkspaceChoice((state) => state.workspace);
  if (me.data === undefined) return me.error ? failed(me.error, () => void me.refetch()) : pending;
  const { memberships } = me.data;
  const membership = memberships.find((each) => each.workspace === chosen) ?? memberships[0];
  if (!membership) return none;
  return <PlaceContext value={{ me: me.data, membership }}>{children}</PlaceContext>;
}

function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (!place) throw new Error("useWorkspace needs a WorkspaceProvider above it");
  return place;
}

/** Resource name of the workspace: `workspaces/w`. */
export const useWorkspace = (): string => usePlace().membership.workspace;
export const useMembership = (): Membership => usePlace().membership;
export const useMe = (): GetMeResponse => usePlace().me;

const RANKS = ["ROLE_VIEWER", "ROLE_OPERATOR", "ROLE_ADMIN", "ROLE_OWNER"];

/** True when the person's role holds all that `role` holds. Only to explain: the gateway decides. */
export const useMay = (role: "ROLE_OPERATOR" | "ROLE_ADMIN" | "ROLE_OWNER"): boolean =>
  RANKS.indexOf(useMembership().role) >= RANKS.indexOf(role);
