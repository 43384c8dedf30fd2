// Pieces that the shape of a policy file is built from. Each says by its error text what is expected in its place.
import { z } from 'zod'
import type { Cell } from './policy-cells.ts'

/** The check of one value by a reader of policy-cells.ts. */
export function reads<T extends z.ZodType<string | number>>(type: T, reader: (value: z.output<T>) => Cell<unknown>): T {
  return type.superRefine((value, context) => {
    const read = reader(value)
    if (!read.ok) context.addIssue({ code: 'custom', message: read.error.what, params: { hint: read.error.hint } })
  }) as T
}

export function text(expected: string, reader: (value: string) => Cell<unknown>) {
  return reads(z.string({ error: expected }), reader)
}

export function listOf<T extends z.ZodType>(item: T, expected: string) {
  return z.array(item, { error: expected }).min(1, { error: expected })
}

export function oneOf<const T extends readonly string[]>(words: T) {
  return z.enum(words, {
    error: words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
  })
}

export function flag(description: string, byDefault: boolean) {
  return z.boolean({ error: 'true or false' }).optional().meta({ description, default: byDefault })
}

export function nonEmpty(value: string): Cell<unknown> {
  return value === ''
    ? { ok: false, error: { what: 'it is empty', hint: 'leave the key out or give it a value' } }
    : { ok: true, value }
}

const A_FILE = 'the name of a file'

export const neededFile = (description: string) => text(A_FILE, nonEmpty).meta({ description })

export const fileName = (description: string) => neededFile(description).optional()

export const fileNames = (description: string) =>
  listOf(text(A_FILE, nonEmpty), 'a list of files').meta({ description })

export const secretText = (description: string) => text('text in quotes', nonEmpty).meta({ description })

/** A whole number within bounds that the error text names. */
export function wholeNumber(what: string, least: number, most: number) {
  const error = `${what}: a whole number of ${least} to ${most}`
  return z.int({ error }).min(least, { error }).max(most, { error })
}
