// Where C is reached from: koffi, brought in when it is first asked for. A machine that koffi was not built for loses
// only what needs C; importing this file does nothing.
import { createRequire } from 'node:module'
import type Koffi from 'koffi'

export type Foreign = typeof Koffi

let loaded: Foreign | undefined | null = null

/** koffi, or undefined where it was not built for this machine. */
export function foreign(): Foreign | undefined {
  if (loaded !== null) return loaded
  try {
    loaded = createRequire(import.meta.url)('koffi') as Foreign
  } catch {
    loaded = undefined
  }
  return loaded
}
