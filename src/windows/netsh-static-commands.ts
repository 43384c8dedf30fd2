// The table of `netsh ipsec static`: each command's parameters and the function that does it; and `show`.
import { isSameName } from '../settings/registry-name.ts'
import { quoted } from './connection-security-cells.ts'
import type { CommandShape, NetshParameters } from './netsh-parameters.ts'
import { type ShowOptions, showFilterAction, showFilterList, showPolicy, showRule, showStore } from './netsh-show.ts'
import { chosen, isDefaultResponse, type NetshState, rulesOf, staticStore } from './netsh-state.ts'
import {
  addFilter,
  addFilterAction,
  addFilterList,
  addPolicy,
  deleteFilter,
  type NetshCommand,
  staticShapes as objectShapes,
  setDefaultRule,
  setFilterAction,
  setFilterList,
  setPolicy,
} from './netsh-static-objects.ts'
import {
  addRule,
  deleteAll,
  deletePolicy,
  deleteRule,
  deleteShared,
  ruleShapes,
  setRule,
} from './netsh-static-rules.ts'
import { readNumber, readWord } from './netsh-values.ts'
import { typeGuids } from './policy-guids.ts'
import { objectsOf, type RuleObject } from './policy-objects.ts'

export const staticShapes: Readonly<Record<string, CommandShape>> = {
  ...objectShapes,
  ...ruleShapes,
  'set store': { tags: ['location', 'domain'] },
  'set batch': { tags: ['mode'] },
}

const setStore: NetshCommand = (state, parameters) => {
  if (!parameters.needs('location')) return undefined
  const location = parameters.read('location', readWord('local', 'domain', 'persistent'))
  if (location === undefined) return undefined
  if (location === 'domain')
    return parameters.wrong('the policies of a domain are not reached from here', 'write location=local or persistent')
  return { state: { ...state, location } }
}

/** Every command counts at once here, and a script as a whole. */
const setBatch: NetshCommand = (state, parameters) => {
  const mode = parameters.needs('mode') ? parameters.read('mode', readWord('enable', 'disable')) : undefined
  return mode === undefined ? undefined : { state }
}

export const staticCommands: Readonly<Record<string, NetshCommand>> = {
  'add policy': addPolicy,
  'set policy': setPolicy,
  'delete policy': deletePolicy,
  'add filterlist': addFilterList,
  'set filterlist': setFilterList,
  'delete filterlist': deleteShared('filter-list'),
  'add filter': addFilter,
  'delete filter': deleteFilter,
  'add filteraction': addFilterAction,
  'set filteraction': setFilterAction,
  'delete filteraction': deleteShared('negotiation'),
  'set defaultrule': setDefaultRule,
  'add rule': addRule,
  'set rule': setRule,
  'delete rule': deleteRule,
  'delete all': deleteAll,
  'set store': setStore,
  'set batch': setBatch,
}

const showTags = ['level', 'format', 'wide']

export const showShapes: Readonly<Record<'static' | 'dynamic', Readonly<Record<string, CommandShape>>>> = {
  static: {
    'show all': { tags: ['format', 'wide', 'level'] },
    'show policy': { tags: ['name', ...showTags], flags: ['all'] },
    'show rule': { tags: ['name', 'id', 'policy', 'type', ...showTags], flags: ['all', 'default'] },
    'show filterlist': { tags: ['name', 'rule', 'level', 'format', 'resolvedns', 'wide'], flags: ['all'] },
    'show filteraction': { tags: ['name', 'rule', ...showTags], flags: ['all'] },
    'show store': { tags: [] },
    'show gpoassignedpolicy': { tags: ['name'] },
  },
  dynamic: {
    'show all': { tags: showTags },
    'show config': { tags: showTags },
    'show mmpolicy': { tags: ['name', ...showTags], flags: ['all'] },
    'show qmpolicy': { tags: ['name', ...showTags], flags: ['all'] },
    'show rule': { tags: ['type', 'srcaddr', 'dstaddr', ...showTags], flags: ['all'] },
    'show mmfilter': { tags: ['name', ...showTags], flags: ['all'] },
    'show qmfilter': { tags: ['name', ...showTags], flags: ['all'] },
    'show mmsas': { tags: ['srcaddr', 'dstaddr', ...showTags], flags: ['all'] },
    'show qmsas': { tags: ['srcaddr', 'dstaddr', ...showTags], flags: ['all'] },
    'show stats': { tags: ['type'] },
  },
}

export function showStatic(state: NetshState, noun: string, parameters: NetshParameters, options: ShowOptions): string {
  const store = staticStore(state)
  const isAll = parameters.flags.has('all')
  switch (noun) {
    case 'all':
      if (objectsOf(store, 'policy').length === 0)
        parameters.wrong('ERR IPsec[05072] there are no policies in the store', 'add policy makes one')
      return showStore(store, options)
    case 'policy': {
      const found = isAll ? objectsOf(store, 'policy') : [chosen(store, 'policy', parameters)]
      if (found.length === 0)
        parameters.wrong('ERR IPsec[05072] there are no policies in the store', 'add policy makes one')
      return texts(found, one => showPolicy(store, one, options))
    }
    case 'filterlist': {
      const found = isAll ? objectsOf(store, 'filter-list') : [chosen(store, 'filter-list', parameters)]
      return texts(found, one => showFilterList(one, options))
    }
    case 'filteraction': {
      const all = objectsOf(store, 'negotiation').filter(({ type }) => type !== typeGuids.defaultResponse)
      return texts(isAll ? all : [chosen(store, 'negotiation', parameters)], one => showFilterAction(one, options))
    }
    case 'rule':
      return showRules(state, parameters, options)
    case 'store':
      return `${options.place}\r\n`
    default:
      parameters.wrong(
        'the policies of a domain are not reached from here',
        'show policy all lists those of this machine',
      )
      return ''
  }
}

function texts<T>(found: readonly (T | undefined)[], show: (one: T) => string): string {
  return found.flatMap(one => (one === undefined ? [] : [show(one)])).join('\r\n')
}

function showRules(state: NetshState, parameters: NetshParameters, options: ShowOptions): string {
  const store = staticStore(state)
  const policy = chosen(store, 'policy', parameters, 'policy')
  if (policy === undefined) return ''
  const rules = rulesOf(store, policy)
  const type = parameters.read('type', readWord('tunnel', 'transport', 'tranport'))
  const number = parameters.read('id', readNumber(1, Math.max(1, rules.length)))
  const name = parameters.get('name')
  if (parameters.flags.has('default')) {
    const response = policy.rules.flatMap(id =>
      objectsOf(store, 'rule').filter(rule => rule.id === id && isDefaultResponse(store, rule)),
    )
    return texts(response, rule => showRule(store, rule, rules.length + 1, options))
  }
  const isAsked = (rule: RuleObject, index: number) =>
    (number === undefined || number === index + 1) &&
    (name === undefined || isSameName(rule.name ?? '', name)) &&
    (type === undefined || (rule.content.isTunnel !== 0) === (type === 'tunnel'))
  const found = rules.map((rule, index) => (isAsked(rule, index) ? { rule, index } : undefined))
  if (found.every(one => one === undefined) && name !== undefined)
    parameters.wrong(`there is no rule ${quoted(name)} in the policy`, 'show rule all lists them')
  return texts(found, ({ rule, index }) => showRule(store, rule, index + 1, options))
}
