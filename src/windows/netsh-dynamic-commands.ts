// The table of `netsh ipsec dynamic`: each command and the function that does it; and `show`. What is negotiated at the moment
// is not in a registry: `sealwire status` shows it.
import {
  addDynamicRule,
  configProperties,
  deleteAllDynamic,
  deleteDynamicPolicy,
  deleteDynamicRule,
  mainModePolicy,
  quickModePolicy,
  setConfig,
  setDynamicRule,
  dynamicShapes as shapes,
} from './netsh-dynamic.ts'
import type { CommandShape, NetshParameters } from './netsh-parameters.ts'
import { type ShowOptions, showFilterAction, showPolicy } from './netsh-show.ts'
import type { NetshState } from './netsh-state.ts'
import type { NetshCommand } from './netsh-static-objects.ts'
import { formatMainModeMethod } from './netsh-values.ts'
import { objectsOf } from './policy-objects.ts'

export const dynamicShapes: Readonly<Record<string, CommandShape>> = shapes

export const dynamicCommands: Readonly<Record<string, NetshCommand>> = {
  'add mmpolicy': mainModePolicy('add'),
  'set mmpolicy': mainModePolicy('set'),
  'add qmpolicy': quickModePolicy('add'),
  'set qmpolicy': quickModePolicy('set'),
  'add rule': addDynamicRule,
  'set rule': setDynamicRule,
  'delete rule': deleteDynamicRule,
  'delete mmpolicy': deleteDynamicPolicy('isakmp'),
  'delete qmpolicy': deleteDynamicPolicy('negotiation'),
  'delete all': deleteAllDynamic,
  'set config': setConfig,
}

export function showDynamic(
  state: NetshState,
  noun: string,
  parameters: NetshParameters,
  options: ShowOptions,
): string {
  const store = state.stores.dynamic
  const name = parameters.get('name')?.toLowerCase()
  const isAsked = (object: { readonly name?: string }) =>
    name === undefined || parameters.flags.has('all') || object.name?.toLowerCase() === name
  const sections: Readonly<Record<string, () => string>> = {
    config: () => configText(state),
    mmpolicy: () =>
      objectsOf(store, 'isakmp')
        .filter(isAsked)
        .map(({ name: called, content }) => {
          const methods = content.methods.map(method => formatMainModeMethod(method) ?? '?').join(' ')
          return `${line('Mainmode Policy Name', called ?? 'NONE')}${line('Mainmode Lifetime', `${content.seconds / 60} minutes`)}${line('Security Methods', methods)}`
        })
        .join('\r\n'),
    qmpolicy: () =>
      objectsOf(store, 'negotiation')
        .filter(isAsked)
        .map(action => showFilterAction(action, options))
        .join('\r\n'),
    rule: () =>
      objectsOf(store, 'policy')
        .map(policy => showPolicy(store, policy, { ...options, isVerbose: true }))
        .join('\r\n'),
  }
  if (noun === 'all')
    return Object.values(sections)
      .map(show => show())
      .join('\r\n')
  const show = sections[noun]
  if (show !== undefined) return show()
  parameters.wrong(`show ${noun} shows what runs, and a registry does not know it`, 'sealwire status shows it')
  return ''
}

function line(label: string, value: string): string {
  return `${label.padEnd(23)}: ${value}\r\n`
}

function configText({ config }: NetshState): string {
  const modes: Readonly<Record<number, string>> = { 0: 'permit', 1: 'block', 3: 'stateful' }
  return Object.keys(configProperties)
    .map(property => {
      const value = config[property]
      const text = value === undefined ? 'not set' : value === '' ? 'none' : String(value)
      return line(property, property === 'bootmode' && typeof value === 'number' ? (modes[value] ?? text) : text)
    })
    .join('')
}
