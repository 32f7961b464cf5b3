// Hands the transport to the tree, and turns its values into state.
import { createContext, type ReactNode, useContext, useSyncExternalStore } from "react";
import type { Connection, Readable, Session, Transport } from "~/transport/types";

const TransportContext = createContext<Transport | null>(null);

/** Makes `transport` the one that everything below uses. */
export function TransportProvider({ transport, children }: { transport: Transport; children: ReactNode }) {
  return <TransportContext value={transport}>{children}</TransportContext>;
}

/** The way to the gateway. */
export function useTransport(): Transport {
  const transport = useContext(TransportContext);
  if (!transport) throw new Error("useTransport needs a TransportProvider above it");
  return transport;
}

/** The value as it is now; renders again when it changes. */
export function useReadable<Value>(readable: Readable<Value>): Value {
  return useSyncExternalStore(readable.subscribe, readable.get);
}

export const useSession = (): Session => useReadable(useTransport().session);
export const useConnection = (): Connection => useReadable(useTransport().connection);
