// The kernel's filter machine (linux/filter.h) as far as programs here use it, for tests without a kernel. What the kernel
// would refuse or drop the frame for throws here or answers 0.
import type { FilterStep } from '../../native/socket-options.ts'

/** What the kernel knows of a frame beside its octets, by the numbers of SKF_AD_…; left out, it is 0. */
export interface Aside {
  readonly packetKind?: number
  readonly link?: number
  readonly hardware?: number
  readonly vlanTag?: number
  readonly hasVlanTag?: number
}

const places: Readonly<Record<number, keyof Aside>> = {
  4: 'packetKind',
  8: 'link',
  28: 'hardware',
  44: 'vlanTag',
  48: 'hasVlanTag',
}
const ASIDE = 0xfffff000
const widths: Readonly<Record<number, number>> = { 0: 4, 8: 2, 16: 1 }

/** Octets that are kept of the frame. */
export function runFilter(steps: readonly FilterStep[], frame: Uint8Array, aside: Aside): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const memory: number[] = []
  let a = 0
  let x = 0
  for (let at = 0; at < steps.length; at++) {
    const [code, ifTrue, ifFalse, operand] = steps[at]!
    const jump = (is: boolean) => {
      at += is ? ifTrue : ifFalse
    }
    const recall = () => {
      const value = memory[operand]
      if (value === undefined) throw new Error(`slot ${operand} is read before it is written`)
      return value
    }
    if (code === 0x20 && operand >= ASIDE) {
      a = aside[places[operand - ASIDE]!] ?? 0
      continue
    }
    switch (code) {
      case 0x20:
      case 0x28:
      case 0x30:
      case 0x40:
      case 0x48:
      case 0x50: {
        const width = widths[code & 0x18]!
        const from = (code & 0xe0) === 0x40 ? x + operand : operand
        if (from + width > frame.length) return 0
        a = width === 4 ? view.getUint32(from) : width === 2 ? view.getUint16(from) : view.getUint8(from)
        break
      }
      case 0x80:
        a = frame.length
        break
      case 0x01:
        x = operand
        break
      case 0x02:
        memory[operand] = a
        break
      case 0x03:
        memory[operand] = x
        break
      case 0x61:
        x = recall()
        break
      case 0x07:
        x = a
        break
      case 0x87:
        a = x
        break
      case 0x04:
        a = (a + operand) >>> 0
        break
      case 0x14:
        a = (a - operand) >>> 0
        break
      case 0x54:
        a = (a & operand) >>> 0
        break
      case 0x05:
        at += operand
        break
      case 0x15:
        jump(a === operand)
        break
      case 0x1d:
        jump(a === x)
        break
      case 0x25:
        jump(a > operand)
        break
      case 0x35:
        jump(a >= operand)
        break
      case 0x45:
        jump((a & operand) !== 0)
        break
      case 0x06:
        return operand
      default:
        throw new Error(`the machine knows no step ${code}`)
    }
  }
  throw new Error('the filter ends without an answer')
}
