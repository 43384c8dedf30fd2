// What `ping` and `probe` have in common: reading the host that they are about, and numbers of their options.
import { findWay, resolveTarget, type Target, untilUsable, type WayThere } from '../agent/ping/target.ts'
import { formatAddress } from '../base/address.ts'
import { failure, success } from '../base/result.ts'
import { systemClock } from '../base/time.ts'
import type { Cell } from '../policy/policy-cells.ts'
import type { Faults } from './policy-question.ts'

/** Undefined where a fault was added. */
export async function readWay(
  host: string,
  faults: Faults,
): Promise<({ readonly target: Target } & WayThere) | undefined> {
  const target = await resolveTarget(host)
  if (!target.ok) {
    faults.add(target.error.where, target.error.what, target.error.hint)
    return undefined
  }
  const way = findWay(target.value)
  if (!way.ok) {
    faults.add(way.error.where, way.error.what, way.error.hint)
    return undefined
  }
  if (way.value.kind === 'way' && !(await untilUsable(way.value.way, systemClock))) {
    const { link, own } = way.value.way
    const name = `${formatAddress(own)} on ${link.name} cannot be used yet: the kernel looks whether another host has it`
    return { target: target.value, kind: 'no-way', name }
  }
  return { target: target.value, ...way.value }
}

export function readNumber(text: string, least: number, most: number, isWhole: boolean): Cell<number> {
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most && (!isWhole || Number.isInteger(value))) return success(value)
  return failure({
    what: `“${text}” is not what it takes`,
    hint: `write a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`,
  })
}
