// The policies of the chapters, as files that a person could have written: the domain controllers of the examples.

import { type Controller, type Forest, fullName, networkOf } from './forest.ts'

export interface PolicyChoice {
  readonly profile: 'windows-2000-sp1' | 'windows-server-2003'
  /** Left out, the registry decides, or the profile's default. */
  readonly noDefaultExempt?: number
  /** Left out, every other controller of the forest. */
  readonly peers?: readonly Controller[]
  /** Lines of the rule's `authentication`, in YAML; left out, the certificates that scene.ts gave. */
  readonly authentication?: string
  /** Whole rules in front, in YAML, each from its `- name:`. */
  readonly rulesBefore?: string
  /** Seconds after which keys end; left out, the policy's defaults. */
  readonly lifetimes?: { readonly keys: number; readonly ike: number }
}

export const secureRule = 'Everything between the two'

/** KB 254728's own case: everything between this controller and the others is secured. */
export function securePolicy(forest: Forest, self: Controller, choice: PolicyChoice): string {
  const name = fullName(forest, self)
  const certificate = `[{ certificate: { ca: ca.pem, own: ${name}.pem, key: ${name}.key } }]`
  return [
    ...head(forest, choice),
    ...(choice.rulesBefore === undefined ? [] : [choice.rulesBefore.trimEnd()]),
    `  - name: ${secureRule}`,
    ...filters(forest, self, choice),
    '    action: negotiate',
    '    mode: transport',
    '    security: [esp-aes256gcm16, esp-aes128gcm16]',
    '    keying: [ikev2]',
    ...(choice.lifetimes === undefined ? [] : [`    lifetime: { seconds: ${choice.lifetimes.keys} }`]),
    `    authentication: ${choice.authentication ?? certificate}`,
    '',
  ].join('\n')
}

/** KB 811832's case: everything from and to the others is blocked. */
export function blockPolicy(forest: Forest, self: Controller, choice: PolicyChoice): string {
  return [
    ...head(forest, choice),
    '  - name: Nothing from the others',
    ...filters(forest, self, choice),
    '    action: block',
    '',
  ].join('\n')
}

function head(forest: Forest, { profile, noDefaultExempt, lifetimes }: PolicyChoice): readonly string[] {
  return [
    'name: Domain controllers',
    `profile: ${profile}`,
    ...(noDefaultExempt === undefined ? [] : [`noDefaultExempt: ${noDefaultExempt}`]),
    'role: domain-controller',
    ...(lifetimes === undefined ? [] : [`ike: { lifetime: { seconds: ${lifetimes.ike} } }`]),
    `networks: ['${networkOf(forest)}']`,
    'rules:',
  ]
}

function filters(forest: Forest, self: Controller, { peers }: PolicyChoice): readonly string[] {
  const others = (peers ?? forest.controllers).filter(({ address }) => address !== self.address)
  return [
    '    filters:',
    ...others.map(({ address }) => `      - { source: '${self.address}', destination: '${address}', mirrored: true }`),
  ]
}
