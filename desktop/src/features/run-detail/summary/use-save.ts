// Saves what is at a path of the interface on this machine.
import { useState } from "react";
import { toast } from "sonner";
import { asProblem } from "~/api/problem";
import { useTransport } from "~/app/transport";

/** Reads what is at `path` and offers it for saving under `name`; what goes wrong is told. */
export function useSave() {
  const transport = useTransport();
  return async (path: string, name = "") => {
    try {
      const url = URL.createObjectURL(await transport.read(path));
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (thrown) {
      toast.error(asProblem(thrown).detail);
    }
  };
}

/** The same for what takes a while: whether it is being read is known. */
export function useSlowSave() {
  const save = useSave();
  const [busy, setBusy] = useState(false);
  const begin = async (path: string, name: string) => {
    setBusy(true);
    await save(path, name);
    setBusy(false);
  };
  return [begin, busy] as const;
}
