// Programs for the kernel's classic packet filter (linux/filter.h), written with names for the places that they jump to.
import type { FilterStep } from '../../native/socket-options.ts'

/** What the kernel knows of a frame beside its octets (SKF_AD_…). */
const aside = { packetKind: 4, link: 8, hardware: 28, vlanTag: 44, hasVlanTag: 48 } as const
const ASIDE = 0xfffff000

const widths = { word: 0x00, half: 0x08, octet: 0x10 } as const
export type Width = keyof typeof widths

/** One line: a step with the places that it jumps to, or the name of the place of the next step. */
export type Line =
  | { readonly kind: 'place'; readonly name: string }
  | {
      readonly kind: 'step'
      readonly code: number
      readonly operand: number
      /** Left out, it goes on with the next step. */
      readonly ifTrue?: string | undefined
      readonly ifFalse?: string | undefined
    }

const step = (code: number, operand = 0): Line => ({ kind: 'step', code, operand })
const jump =
  (code: number) =>
  (operand: number, ifTrue?: string, ifFalse?: string): Line => ({ kind: 'step', code, operand, ifTrue, ifFalse })

/** A is the register that is loaded and compared, X the one that places are counted from; there are 16 slots of memory. */
export const place = (name: string): Line => ({ kind: 'place', name })
export const load = (width: Width, at: number): Line => step(0x20 | widths[width], at)
export const loadFromX = (width: Width, at: number): Line => step(0x40 | widths[width], at)
export const loadAside = (what: keyof typeof aside): Line => step(0x20, ASIDE + aside[what])
export const loadLength = (): Line => step(0x80)
export const setX = (value: number): Line => step(0x01, value)
export const keepX = (slot: number): Line => step(0x03, slot)
export const keepA = (slot: number): Line => step(0x02, slot)
export const recallX = (slot: number): Line => step(0x61, slot)
export const copyToX = (): Line => step(0x07)
export const copyFromX = (): Line => step(0x87)
export const add = (value: number): Line => step(0x04, value)
export const subtract = (value: number): Line => step(0x14, value)
export const mask = (value: number): Line => step(0x54, value)
export const ifEqual = jump(0x15)
export const ifAbove = jump(0x25)
export const ifAtLeast = jump(0x35)
export const ifAnyBit = jump(0x45)
/** Compares with X. */
export const ifSame = (ifTrue?: string, ifFalse?: string): Line => jump(0x1d)(0, ifTrue, ifFalse)
export const goTo = (name: string): Line => ({ kind: 'step', code: 0x05, operand: 0, ifTrue: name })
/** So many octets of the frame are kept, 0 for none of it. */
export const answer = (octets: number): Line => step(0x06, octets)

const GO_TO = 0x05
const FARTHEST = 255

/** Throws where a place is not there, lies behind, or too far ahead: a mistake in the program. */
export function assemble(lines: readonly Line[]): readonly FilterStep[] {
  const places = new Map<string, number>()
  const steps: Extract<Line, { kind: 'step' }>[] = []
  for (const line of lines) {
    if (line.kind === 'place') places.set(line.name, steps.length)
    else steps.push(line)
  }
  return steps.map(({ code, operand, ifTrue, ifFalse }, index) => {
    const over = (name: string | undefined) => {
      if (name === undefined) return 0
      const steps = (places.get(name) ?? -1) - index - 1
      if (steps < 0 || steps > FARTHEST) throw new RangeError(`the filter cannot jump to “${name}”`)
      return steps
    }
    return code === GO_TO ? [code, 0, 0, over(ifTrue)] : [code, over(ifTrue), over(ifFalse), operand]
  })
}
