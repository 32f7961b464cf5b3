// Enums that stay open: a value that this build does not know is kept as it came, to be shown as unknown.
import { z } from "zod";

/** One of the known values, or what a newer server may send. The second half keeps completion of the first. */
export type OpenEnum<Known extends string> = Known | (string & {});

/** Accepts any string; protobuf JSON writes enum values that have no name as numbers, which become `UNKNOWN_7`. */
export function openEnum<const Known extends readonly string[]>(known: Known) {
  return z
    .union([z.enum(known), z.string(), z.number().transform((value) => `UNKNOWN_${value}`)])
    .transform((value) => value as OpenEnum<Known[number]>);
}
