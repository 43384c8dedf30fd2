// `netsh ipsec static add|set|delete rule` and `delete` of everything else: what names other objects, and what others name.
import type { Problem } from '../base/result.ts'
import { isSameName } from '../settings/registry-name.ts'
import { problem, quoted, warning } from './connection-security-cells.ts'
import { tunnelOf } from './netsh-filters.ts'
import type { CommandShape, NetshParameters } from './netsh-parameters.ts'
import {
  chosen,
  isSayable,
  type NetshState,
  type NetshStep,
  type NetshWorld,
  named,
  netshNames,
  newGuid,
  rulesNamed,
  rulesOf,
  staticStore,
  withoutObjects,
  withStore,
} from './netsh-state.ts'
import { credentialTags, readCredential, readNumber, readWord, readYes } from './netsh-values.ts'
import { typeGuids } from './policy-guids.ts'
import { type BlobForm, interfaceTypes, type NewCredential, newRule, ruleContentOf } from './policy-makers.ts'
import {
  objectOf,
  ownersOf,
  type PolicyObject,
  type PolicyStore,
  type RuleObject,
  withObject,
} from './policy-objects.ts'

const ruleTags = ['filterlist', 'filteraction', 'tunnel', 'conntype', 'activate']
const authenticationTags = ['kerberos', 'psk', 'rootca']

export const ruleShapes = {
  'add rule': { tags: ['name', 'policy', ...ruleTags, 'description', ...authenticationTags], repeated: ['rootca'] },
  'set rule': {
    tags: ['name', 'id', 'policy', 'newname', 'description', ...ruleTags, ...authenticationTags],
    repeated: ['rootca'],
  },
  'delete rule': { tags: ['name', 'id', 'policy'], flags: ['all'] },
  'delete policy': { tags: ['name'], flags: ['all'] },
  'delete filterlist': { tags: ['name'], flags: ['all'] },
  'delete filteraction': { tags: ['name'], flags: ['all'] },
  'delete all': { tags: [] },
} as const satisfies Readonly<Record<string, CommandShape>>

/** In the order in which they are preferred; undefined where none is named. */
export function readCredentials(parameters: NetshParameters): readonly NewCredential[] | undefined {
  const given = parameters.ordered(credentialTags)
  if (given.length === 0) return undefined
  const read = given.flatMap(([tag, text]) => {
    const cell = readCredential(tag, text)
    if (!cell.ok) parameters.wrong(`${tag}: ${cell.error.what}`, cell.error.hint)
    return cell.ok && cell.value !== undefined ? [cell.value] : []
  })
  return read
}

/** Vista's form where something of it is needed: flags of certificates, ends of IPv6. */
function formFor(credentials: readonly NewCredential[], tunnel: number | Uint8Array | undefined): BlobForm {
  const hasFlags = credentials.some(
    one => one.kind === 'certificate' && (one.mapsToAccount === true || one.hidesAuthority === true),
  )
  return hasFlags || tunnel instanceof Uint8Array ? 'windows-vista' : 'windows-2000'
}

interface RuleWords {
  readonly tunnel?: number | Uint8Array | 'none'
  readonly interfaceType?: number
  readonly isActive?: boolean
  readonly credentials?: readonly NewCredential[]
}

function readRuleWords(parameters: NetshParameters): RuleWords {
  const tunnelText = parameters.get('tunnel')
  // `set rule tunnel=0.0.0.0` turns it off: an end that no packet can have.
  const tunnel = tunnelText === undefined ? undefined : tunnelOf(tunnelText)
  if (tunnelText !== undefined && tunnel === undefined)
    parameters.wrong(`tunnel: ${quoted(tunnelText)} is no address`, 'names are not looked up here; write its address')
  const connection = parameters.read('conntype', readWord('lan', 'dialup', 'all'))
  const isActive = parameters.read('activate', readYes)
  const credentials = readCredentials(parameters)
  const types = { lan: interfaceTypes.lan, dialup: interfaceTypes.dialUp, all: interfaceTypes.all }
  return {
    ...(tunnel === undefined ? {} : { tunnel: tunnel === 0 ? 'none' : tunnel }),
    ...(connection === undefined ? {} : { interfaceType: types[connection] }),
    ...(isActive === undefined ? {} : { isActive }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

export function addRule(state: NetshState, parameters: NetshParameters, world: NetshWorld): NetshStep | undefined {
  const store = staticStore(state)
  if (!parameters.needs('name', 'policy', 'filterlist', 'filteraction')) return undefined
  const policy = chosen(store, 'policy', parameters, 'policy')
  const list = chosen(store, 'filter-list', parameters, 'filterlist')
  const action = chosen(store, 'negotiation', parameters, 'filteraction')
  const words = readRuleWords(parameters)
  const name = parameters.get('name')!
  const description = parameters.get('description')
  if (!isSayable(name) || !isSayable(description ?? '')) parameters.wrong('a text has line ends or is too long')
  if (policy === undefined || list === undefined || action === undefined || !parameters.isFine) return undefined
  const credentials = words.credentials ?? [{ kind: 'kerberos' as const }]
  const tunnel = words.tunnel === 'none' ? undefined : words.tunnel
  const { interfaceType = interfaceTypes.all, isActive = true } = words
  const rule = newRule(
    { id: newGuid(world), name, description, whenChanged: world.now },
    { negotiation: action.id, filterLists: [list.id] },
    { credentials, interfaceType, isActive, tunnel },
    formFor(credentials, tunnel),
  )
  const isKnown = rulesNamed(store, policy, name).length > 0
  const note = warning(
    parameters.at,
    `the policy has a rule ${quoted(name)} already`,
    'both count; id= tells them apart',
  )
  const whole = { ...policy, whenChanged: world.now, rules: [...policy.rules, rule.id] }
  const next = withObject({ ...store, objects: [...store.objects, rule] }, whole)
  return { state: withStore(state, next), notes: isKnown ? [note] : [] }
}

/** By name or by its number in `show rule`; several with one name are none. */
function chosenRule(store: PolicyStore, policy: PolicyObject, parameters: NetshParameters): RuleObject | undefined {
  const rules = rulesOf(store, policy)
  const id = parameters.read('id', readNumber(1, rules.length))
  if (id !== undefined) return rules[id - 1]
  if (parameters.has('id')) return undefined
  const name = parameters.get('name')
  if (name === undefined) return parameters.wrong('name is missing', 'write name= or id= of a rule')
  const found = rules.filter(rule => isSameName(rule.name ?? '', name))
  if (found.length > 1) return parameters.wrong(`${found.length} rules are called ${quoted(name)}`, 'name one by id=')
  return found[0] ?? parameters.wrong(`there is no rule ${quoted(name)} in the policy`, 'show rule all lists them')
}

export function setRule(state: NetshState, parameters: NetshParameters, world: NetshWorld): NetshStep | undefined {
  const store = staticStore(state)
  const policy = chosen(store, 'policy', parameters, 'policy')
  const rule = policy === undefined ? undefined : chosenRule(store, policy, parameters)
  const list = parameters.has('filterlist') ? chosen(store, 'filter-list', parameters, 'filterlist') : undefined
  const action = parameters.has('filteraction') ? chosen(store, 'negotiation', parameters, 'filteraction') : undefined
  const { credentials, tunnel, interfaceType, isActive } = readRuleWords(parameters)
  const [name, description] = [parameters.get('newname'), parameters.get('description')]
  if (!isSayable(name ?? '') || !isSayable(description ?? '')) parameters.wrong('a text has line ends or is too long')
  if (rule === undefined || !parameters.isFine) return undefined
  const { extension, tunnelAddress6, ...plain } = rule.content
  const isVista = extension !== undefined || tunnelAddress6 !== undefined
  const end = tunnel === 'none' ? undefined : tunnel
  const form = isVista ? 'windows-vista' : formFor(credentials ?? [], end)
  const made = ruleContentOf({ credentials: credentials ?? [], tunnel: end }, form)
  const authentication =
    credentials === undefined
      ? { ...(extension === undefined ? {} : { extension }) }
      : { authentication: made.authentication, ...(made.extension === undefined ? {} : { extension: made.extension }) }
  const ends =
    tunnel === undefined
      ? { ...(tunnelAddress6 === undefined ? {} : { tunnelAddress6 }) }
      : {
          isTunnel: made.isTunnel,
          tunnelAddress: made.tunnelAddress,
          ...(made.tunnelAddress6 === undefined ? {} : { tunnelAddress6: made.tunnelAddress6 }),
        }
  const changed: RuleObject = {
    ...rule,
    whenChanged: world.now,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(list === undefined ? {} : { filterLists: [list.id] }),
    ...(action === undefined ? {} : { negotiation: action.id }),
    content: {
      ...plain,
      ...authentication,
      ...ends,
      ...(interfaceType === undefined ? {} : { interfaceType }),
      ...(isActive === undefined ? {} : { isActive: isActive ? 1 : 0 }),
    },
  }
  return { state: withStore(state, withObject(store, changed)) }
}

export function deleteRule(state: NetshState, parameters: NetshParameters, world: NetshWorld): NetshStep | undefined {
  const store = staticStore(state)
  const policy = chosen(store, 'policy', parameters, 'policy')
  if (policy === undefined) return undefined
  const isAll = parameters.flags.has('all')
  const gone = isAll ? rulesOf(store, policy) : [chosenRule(store, policy, parameters)].filter(one => one !== undefined)
  if (!parameters.isFine) return undefined
  const ids = new Set(gone.map(({ id }) => id))
  const whole = { ...policy, whenChanged: world.now, rules: policy.rules.filter(id => !ids.has(id)) }
  return { state: withStore(state, withoutObjects(withObject(store, whole), gone)) }
}

/** What goes with a policy: its rules, its IKE settings, its default response; not what other policies may use. */
function partsOf(store: PolicyStore, policy: PolicyObject) {
  const rules = policy.rules.flatMap(id => objectOf(store, 'rule', id) ?? [])
  const responses = rules.flatMap(({ negotiation }) => {
    const action = objectOf(store, 'negotiation', negotiation)
    return action?.type === typeGuids.defaultResponse ? [action] : []
  })
  const ike = objectOf(store, 'isakmp', policy.isakmp)
  const isShared = ike !== undefined && ownersOf(store, 'isakmp', ike.id).length > 1
  return [policy, ...rules, ...responses, ...(ike === undefined || isShared ? [] : [ike])]
}

/** What is not there to delete is no fault: scripts begin with it. */
function missing(parameters: NetshParameters, what: string): Problem {
  return warning(parameters.at, `there is no ${what} ${quoted(parameters.get('name') ?? '')}`, 'nothing is deleted')
}

export function deletePolicy(state: NetshState, parameters: NetshParameters): NetshStep | undefined {
  const store = staticStore(state)
  const isAll = parameters.flags.has('all')
  if (!isAll && !parameters.needs('name')) return undefined
  const found = isAll ? undefined : named(store, 'policy', parameters.get('name')!)
  if (!isAll && found === undefined) return { state, notes: [missing(parameters, 'policy')] }
  const policies = store.objects.filter((one): one is PolicyObject => one.kind === 'policy' && (isAll || one === found))
  const gone = policies.flatMap(policy => partsOf(store, policy))
  return { state: withStore(state, withoutObjects(store, gone)) }
}

/** Refused while a rule names it, as Windows does. */
export function deleteShared(kind: 'filter-list' | 'negotiation') {
  return (state: NetshState, parameters: NetshParameters): NetshStep | undefined => {
    const store = staticStore(state)
    const used = new Set(
      store.objects.flatMap(one => (one.kind === 'rule' ? [one.negotiation ?? '', ...one.filterLists] : [])),
    )
    if (parameters.flags.has('all')) {
      const gone = store.objects.filter(one => one.kind === kind && !used.has(one.id))
      const left = store.objects.filter(
        one =>
          one.kind === kind && used.has(one.id) && !(one.kind === 'negotiation' && one.type !== typeGuids.standard),
      )
      const what = `${left.length} of them are used by rules and stay`
      const notes = left.length === 0 ? [] : [warning(parameters.at, what, 'delete the rules first')]
      return { state: withStore(state, withoutObjects(store, gone)), notes }
    }
    if (!parameters.needs('name')) return undefined
    const found = named(store, kind, parameters.get('name')!)
    if (found === undefined) return { state, notes: [missing(parameters, netshNames[kind])] }
    if (used.has(found.id)) {
      const users = ownersOf(store, kind, found.id).map(({ name }) => quoted(name ?? ''))
      parameters.problems.push(
        problem(parameters.at, `rules use it: ${users.slice(0, 5).join(', ')}`, 'delete the rules first'),
      )
      return undefined
    }
    return { state: withStore(state, withoutObjects(store, [found])) }
  }
}

export function deleteAll(state: NetshState): NetshStep {
  return { state: withStore(state, { objects: [] }) }
}
