// `sealwire policy show`: a policy as it is asked: what is exempt, then the filters in Windows's order of specificity,
// which is not the order of the file.
import { formatAddress, formatPrefix } from '../../base/address.ts'
import { type CompiledPolicy, compile, orderedFilters } from '../../policy/compile.ts'
import { formatFilter } from '../../policy/filter.ts'
import type { Authentication, FilterAction, IkeSettings, KeyLifetime, Policy, Rule } from '../../policy/model.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, WRONG_INPUT } from '../command.ts'
import { type Console, meaning, type Style } from '../console.ts'
import { settingJson } from '../policy-question.ts'
import { readPolicy } from '../read-policy.ts'
import { registryOptions, withNamedRegistry } from '../registry-option.ts'

export const policyShow: CommandSpec = {
  name: 'policy show',
  summary: 'show what a policy exempts, and its filters in the order in which they are asked',
  description:
    'Windows asks exemptions first, then the filters, the most specific first, whatever the order of the rules. Shows the ' +
    'setting that counts, what it exempts, and every filter at its place with its action and security.',
  arguments: [{ name: '<file>', description: 'a policy file, YAML or JSON', values: 'file' }],
  options: [...registryOptions, jsonOption],
  examples: ['sealwire policy show policy.yaml', 'sealwire policy show --json policy.yaml'],
  run: runShow,
}

function runShow(input: CommandInput, console: Console): number {
  const read = readPolicy(input.arguments[0]!, console)
  const policy = read && withNamedRegistry(read, input, console)
  if (policy === undefined) return WRONG_INPUT
  const compiled = compile(policy)
  if (input.options['json'] === true) console.json(showJson(compiled))
  else print(compiled, console)
  return FINE
}

/** A row for each filter, at the place of the more specific of its two directions. */
function inOrder({ policy }: CompiledPolicy): readonly { rule: Rule; text: string }[] {
  const rows = new Map<string, { rule: Rule; text: string }>()
  for (const { rule, text } of orderedFilters(policy)) {
    const key = JSON.stringify([rule.name, text])
    if (!rows.has(key)) rows.set(key, { rule, text })
  }
  return [...rows.values()]
}

function showJson(compiled: CompiledPolicy) {
  const { policy } = compiled
  return {
    name: policy.name,
    ...settingJson(compiled),
    defaultResponse: policy.defaultResponse,
    role: policy.role ?? null,
    networks: policy.networks.map(formatPrefix),
    keys: policy.keys?.length ?? 0,
    ike: ikeJson(policy),
    rules: policy.rules.map(ruleJson),
    order: inOrder(compiled).map(({ rule, text }) => ({ filter: text, action: rule.action, rule: rule.name })),
  }
}

/** Never the secret of a post-quantum key. */
function ikeJson({ ike }: Policy) {
  if (ike === undefined) return null
  const { ppk, ...plain } = ike
  return { ...plain, ppk: ppk === undefined ? null : { identity: ppk.identity, required: ppk.required } }
}

function ruleJson(rule: Rule) {
  const { name, action, active } = rule
  const common = {
    name,
    description: rule.description ?? null,
    action,
    active,
    filters: rule.filters.map(formatFilter),
  }
  if (action !== 'negotiate') return common
  const { mode, security, keying, acceptUnsecuredInbound, fallBackToClear, freshKeys } = rule
  const tunnelEndpoint = rule.tunnelEndpoint === undefined ? null : formatAddress(rule.tunnelEndpoint)
  const authentication = rule.authentication.map(({ kind }) => kind)
  const { keyExchange = null, lifetime = null, encapsulation = 'auto' } = rule
  const options = { acceptUnsecuredInbound, fallBackToClear, freshKeys, keyExchange, lifetime, encapsulation }
  return { ...common, mode, tunnelEndpoint, security, keying, authentication, ...options }
}

const actionStyles: Readonly<Record<FilterAction, Style>> = {
  negotiate: meaning.protected,
  block: meaning.blocked,
  permit: meaning.permitted,
}

function print(compiled: CompiledPolicy, console: Console): void {
  const { policy, profile, setting } = compiled
  const dim = (text: string) => console.style('dim', text)
  console.print(
    `${console.style('bold', policy.name)}  ${profile.title}${policy.role === undefined ? '' : ` · ${policy.role}`}`,
  )
  if (setting.name !== undefined) {
    const origins = {
      policy: 'from the file',
      registry: `from the registry: ${setting.where}`,
      default: 'its default: the file sets none that counts',
    }
    const from = origins[setting.from]
    console.print(`${setting.name} ${setting.value}  ${dim(from)}`)
  }
  if (policy.networks.length > 0) console.print(`Networks: ${policy.networks.map(formatPrefix).join(', ')}`)
  if (policy.defaultResponse) {
    console.print(
      profile.defaultResponse
        ? 'The default response rule is on.'
        : 'The default response rule is on, and does nothing in this Windows.',
    )
  }
  const ike = policy.ike === undefined ? '' : ikeText(policy.ike)
  if (ike !== '') console.print(`IKE: ${ike}`)
  const keys = policy.keys?.length ?? 0
  if (keys > 0) console.print(`Keys in the file: ${keys}`)
  console.print()
  console.print('Exempt, before any filter:')
  console.table(
    setting.exemptions.map(({ title, definition }) => [`  ${console.style(meaning.exempt, title)}`, dim(definition)]),
  )
  console.print()
  const rows = inOrder(compiled)
  console.print(rows.length === 0 ? 'No filters.' : 'Filters, the first that matches counts:')
  console.table(
    rows.map(({ rule, text }, index) => [
      `  ${index + 1}`,
      console.style(actionStyles[rule.action], rule.action),
      text,
      rule.name,
      dim(protection(rule)),
    ]),
    [0],
  )
  const inactive = policy.rules.filter(({ active }) => !active)
  if (inactive.length > 0) {
    console.print()
    console.print(dim(`Inactive: ${inactive.map(({ name }) => name).join(', ')}`))
  }
}

function protection(rule: Rule): string {
  if (rule.action !== 'negotiate') return ''
  const endpoint = rule.tunnelEndpoint === undefined ? '' : ` to ${formatAddress(rule.tunnelEndpoint)}`
  const parts = [
    rule.mode === 'tunnel' ? `tunnel${endpoint}` : '',
    rule.security.join(', '),
    rule.keying.join(', '),
    rule.authentication.map(method => methods[method.kind]).join(', '),
    rule.freshKeys ? `fresh keys${rule.keyExchange === undefined ? '' : ` by ${rule.keyExchange}`}` : '',
    lifetimeText(rule.lifetime),
    rule.encapsulation === undefined ? '' : `ESP ${rule.encapsulation === 'udp' ? 'in UDP' : rule.encapsulation}`,
    rule.acceptUnsecuredInbound ? 'accepts unsecured' : '',
    rule.fallBackToClear ? 'falls back to clear' : '',
  ]
  return parts.filter(part => part !== '').join(' · ')
}

function lifetimeText(lifetime: KeyLifetime | undefined): string {
  const { seconds, kilobytes } = lifetime ?? {}
  const parts = [seconds === undefined ? '' : `${seconds} s`, kilobytes === undefined ? '' : `${kilobytes} KiB`]
  const said = parts.filter(part => part !== '').join(' or ')
  return said === '' ? '' : `keys for ${said}`
}

/** What the file says of IKE itself; its defaults are not told. */
function ikeText({ security, lifetime, liveness, childless, ppk }: IkeSettings): string {
  const parts = [
    security?.join(', ') ?? '',
    lifetime === undefined ? '' : `keys for ${lifetime.seconds} s`,
    liveness === undefined
      ? ''
      : liveness === 0
        ? 'a silent peer is never asked'
        : `a silent peer is asked after ${liveness} s`,
    childless === true ? 'childless' : '',
    ppk === undefined ? '' : `post-quantum key “${ppk.identity}”${ppk.required ? '' : ', where the peer has it'}`,
  ]
  return parts.filter(part => part !== '').join(' · ')
}

const methods: Readonly<Record<Authentication['kind'], string>> = {
  certificate: 'certificate',
  preSharedKey: 'pre-shared key',
  publicKey: 'public key',
  kerberos: 'Kerberos',
}
