// The registry as the commands of `netsh` see it, and what turns it into what they left behind: only what differs.
import type { Problem } from '../base/result.ts'
import { changesTo, keyAt, type RegistryChange, type RegistryKey, valueAt, valueIn } from '../settings/registry.ts'
import { dwordValue, numberOf, stringValue, textOf } from '../settings/value.ts'
import { readStore, storePaths, writeRegistryPolicy } from './connection-security-registry.ts'
import { type ConnectionSecurityPolicy, emptyPolicy } from './connection-security-rules.ts'
import { emptyNetshState, type NetshRun, type NetshStart } from './netsh-script.ts'
import type { NetshPlace } from './netsh-state.ts'
import { readRegistryPolicies, registryChanges } from './registry-policies.ts'

const SERVICES = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services'

/** Where Windows Server 2003 keeps what `dynamic set config` sets. */
const settings: Readonly<Record<string, { readonly key: string; readonly name: string; readonly isText?: true }>> = {
  ipsecexempt: { key: `${SERVICES}\\IPSEC`, name: 'NoDefaultExempt' },
  bootmode: { key: `${SERVICES}\\IPSEC`, name: 'OperationMode' },
  ipsecdiagnostics: { key: `${SERVICES}\\IPSEC`, name: 'EnableDiagnostics' },
  ipsecloginterval: { key: `${SERVICES}\\IPSEC`, name: 'LogInterval' },
  ikelogging: { key: `${SERVICES}\\PolicyAgent\\Oakley`, name: 'EnableLogging' },
  strongcrlcheck: { key: `${SERVICES}\\PolicyAgent\\Oakley`, name: 'StrongCRLCheck' },
  // Windows's own form is not known; these are the words of the command.
  bootexemptions: { key: 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Sealwire', name: 'BootExemptions', isText: true },
}

const places: readonly NetshPlace[] = ['local', 'persistent', 'dynamic']

export interface ReadNetshStart {
  readonly start: NetshStart
  /** What of each part cannot be read, and would be lost by writing that part anew. */
  readonly unread: Readonly<Record<NetshPlace | 'rules', readonly Problem[]>>
}

/** A reference that leads nowhere is kept as it is, and may be what a command mends. */
function losing(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ severity, what }) => severity === 'error' && !what.endsWith(' is not there'))
}

export function readNetshStart(root: RegistryKey): ReadNetshStart {
  const [local, persistent, dynamic] = places.map(place => readRegistryPolicies(root, place))
  const rules = readStore(root, 'local')
  const config = Object.fromEntries(
    Object.entries(settings).flatMap(([property, { key, name, isText }]) => {
      const value = valueAt(root, key, name)
      const known = value === undefined ? undefined : isText === true ? textOf(value) : numberOf(value)
      return known === undefined ? [] : [[property, known]]
    }),
  )
  const stores = { local: local!.store, persistent: persistent!.store, dynamic: dynamic!.store }
  const state = { ...emptyNetshState, stores, config }
  const unread = {
    local: losing(local!.problems),
    persistent: losing(persistent!.problems),
    dynamic: losing(dynamic!.problems),
    rules: losing(rules?.problems ?? []),
  }
  return { start: { state, rules: rules?.value ?? emptyPolicy }, unread }
}

export interface NetshChanges {
  readonly changes: readonly RegistryChange[]
  /** Errors where a part is changed that cannot be read whole. */
  readonly losses: readonly Problem[]
}

export function netshChanges(root: RegistryKey, { start, unread }: ReadNetshStart, run: NetshRun): NetshChanges {
  const changed = places.filter(place => run.state.stores[place] !== start.state.stores[place])
  const stores = changed.flatMap(place => registryChanges(root, run.state.stores[place], place))
  const config = Object.entries(run.state.config).flatMap(([property, value]): readonly RegistryChange[] => {
    const setting = settings[property]
    if (setting === undefined || start.state.config[property] === value) return []
    const { key, name } = setting
    return [{ kind: 'set', key, value: typeof value === 'string' ? stringValue(name, value) : dwordValue(name, value) }]
  })
  const rules = run.rules === start.rules ? { changes: [], losses: [] } : ruleChanges(root, start.rules, run.rules)
  const lost = [...changed.flatMap(place => unread[place]), ...(run.rules === start.rules ? [] : unread.rules)]
  return { changes: [...stores, ...config, ...rules.changes], losses: [...lost, ...rules.losses] }
}

const ruleKeys = [
  'ConSecRules',
  'MainModeRules',
  'Phase1AuthenticationSets',
  'Phase2AuthenticationSets',
  'Phase1CryptoSets',
  'Phase2CryptoSets',
]

/** Keys of connection security are written anew; those of the firewall, beside them, stay. */
function ruleChanges(
  root: RegistryKey,
  before: ConnectionSecurityPolicy,
  after: ConnectionSecurityPolicy,
): NetshChanges {
  const path = storePaths.local
  const there = keyAt(root, path)
  const { value: wanted, losses } = writeRegistryPolicy(after, 'local')
  const old = writeRegistryPolicy(before, 'local').value
  const keys = ruleKeys.filter(name => there !== undefined && keyAt(there, name) !== undefined)
  const gone = old.values.filter(({ name }) => valueIn(wanted, name) === undefined)
  return {
    changes: [
      ...keys.map(name => ({ kind: 'delete-key' as const, key: `${path}\\${name}` })),
      ...gone.map(({ name }) => ({ kind: 'delete-value' as const, key: path, name })),
      ...changesTo(wanted, path),
    ],
    losses,
  }
}
