// Start-up modes and exemptions as a person writes them, in the words of netsh on Server 2003: `tcp:0:3389:inbound`.
import { hasPorts, parseProtocol, protocolName, protocolNames } from '../base/flow.ts'
import { failure, nearest, type Problem, type Result, success } from '../base/result.ts'
import type { PortRange } from '../policy/model.ts'
import { type BootExemption, type BootMode, bootModes } from './boot-ruleset.ts'

const FORM = 'write PROTOCOL:SOURCE-PORT:DESTINATION-PORT:inbound or outbound, 0 for any: tcp:0:3389:inbound'

export function readBootMode(text: string): Result<BootMode, Problem> {
  const mode = bootModes.find(one => one === text.toLowerCase())
  if (mode !== undefined) return success(mode)
  return failure(problem('--mode', `“${shown(text)}” is no mode`, `write one of ${bootModes.join(', ')}`))
}

export function readBootExemption(text: string): Result<BootExemption, Problem> {
  const wrong = (what: string, hint = FORM) => failure(problem('--exempt', what, hint))
  const parts = text.split(':')
  const [name = '', source = '', destination = '', side = ''] = parts
  if (parts.length !== 4) return wrong(`“${shown(text)}” has not four parts`)
  const protocol = name === '0' ? undefined : parseProtocol(name)
  if (protocol === undefined && name !== '0') {
    const meant = nearest(name, protocolNames)
    return wrong(`“${shown(name)}” is no protocol`, meant === undefined ? FORM : `did you mean ${meant}?`)
  }
  const ports = [source, destination].map(readPort)
  if (ports.includes('wrong')) return wrong(`“${shown(text)}”: ports are numbers from 0, which is any, to 65535`)
  const [sourcePort, destinationPort] = ports as (PortRange | undefined)[]
  const hasAny = sourcePort !== undefined || destinationPort !== undefined
  if (hasAny && (protocol === undefined || !hasPorts(protocol))) {
    return wrong(`${protocol === undefined ? 'any protocol' : protocolName(protocol)} has no ports`)
  }
  const direction = (['inbound', 'outbound'] as const).find(one => one === side.toLowerCase())
  if (direction === undefined) return wrong(`“${shown(side)}” is no direction`, 'write inbound or outbound')
  return success({ protocol, sourcePort, destinationPort, direction, text })
}

function readPort(text: string): PortRange | undefined | 'wrong' {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) return 'wrong'
  return Number(text) === 0 ? undefined : { first: Number(text), last: Number(text) }
}

function shown(text: string): string {
  return text.replace(/\p{C}/gu, '').slice(0, 60)
}

function problem(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}
