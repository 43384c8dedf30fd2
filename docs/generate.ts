// Writes the reference pages that are made from the tables the code runs on: `npm run docs`. A test compares them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../src/cli/commands.ts'
import type { Exemption } from '../src/policy/exemptions.ts'
import { type Profile, profiles } from '../src/policy/profiles.ts'
import { ikev1StatesPage, ikev2StatesPage } from './keying-pages.ts'
import { manPages } from './man-pages.ts'
import { metricsPage } from './metrics-page.ts'
import { ikeMethodsPage, lintPage, schemaText, securityMethodsPage } from './policy-pages.ts'
import { settingsPage } from './settings-page.ts'

const HEAD = '<!-- Made by `npm run docs` from the tables of the code: do not edit. -->\n\n'

export const pages: Readonly<Record<string, () => string>> = {
  'exemptions.md': exemptionsPage,
  'commands.md': commandsPage,
  'lint.md': () => HEAD + lintPage(),
  'ikev1-states.md': () => HEAD + ikev1StatesPage(),
  'ikev2-states.md': () => HEAD + ikev2StatesPage(),
  'ike-methods.md': () => HEAD + ikeMethodsPage(),
  'security-methods.md': () => HEAD + securityMethodsPage(),
  'metrics.md': () => HEAD + metricsPage(),
  'settings.md': () => HEAD + settingsPage(),
  'policy.schema.json': schemaText,
  ...manPages(),
}

function exemptionsPage(): string {
  const all = new Map<string, Exemption>()
  for (const profile of profiles.values()) {
    for (const exemption of [...profile.table.values()].flat()) {
      all.set(`${exemption.title}: ${exemption.definition}`, exemption)
    }
  }
  const kinds = [...all.values()].map(({ title, definition }) => `| ${title} | ${definition} |`)
  return [
    `${HEAD}# The default exemptions`,
    '',
    'Traffic that a Windows leaves out of every filter, blocking ones included. An exemption asks for no state and no',
    'address: while Kerberos is exempt, any packet from or to port 88 passes.',
    '',
    '| traffic | what makes a packet this kind |',
    '|---|---|',
    ...kinds,
    '',
    ...[...profiles.values()].flatMap(profileSection),
  ].join('\n')
}

function profileSection(profile: Profile): readonly string[] {
  const isMask = profile.setting === 'IPsecExempt'
  const rows = [...profile.table].map(([value, exempt]) => {
    const mark = value === profile.defaultValue ? `${value} (default)` : String(value)
    return `| ${profile.setting === undefined ? 'always' : mark} | ${exempt.map(({ title }) => title).join(', ')} |`
  })
  const intro =
    profile.setting === undefined
      ? 'It reads no setting.'
      : `It reads \`${profile.setting}\`${isMask ? ', a mask: 1 neighbour discovery, 2 ICMP, 4 router discovery, 8 DHCP' : ''}.`
  return [
    `## ${profile.title} (\`profile: ${profile.name}\`)`,
    '',
    `${intro} ${profile.note}`,
    '',
    `| ${profile.setting ?? 'setting'} | exempt |`,
    '|---|---|',
    ...rows,
    '',
  ]
}

function commandsPage(): string {
  const sections = commands.flatMap(command => [
    `## sealwire ${[command.name, ...(command.arguments ?? []).map(({ name }) => name)].join(' ')}`,
    '',
    command.description ?? `${command.summary}.`,
    '',
    ...(command.options.length === 0 ? [] : ['| option | meaning |', '|---|---|']),
    ...command.options.map(({ flags, description }) => `| \`${flags}\` | ${description} |`),
    ...(command.options.length === 0 ? [] : ['']),
    ...(command.examples === undefined ? [] : ['```sh', ...command.examples, '```', '']),
  ])
  return [
    `${HEAD}# Commands`,
    '',
    'Exit status everywhere: 0 fine; 1 the answer is "no" (a leak found, a proof refuted); 2 the input is wrong, every problem',
    'listed, nothing changed; 3 the machine cannot do it. With `--json` one JSON value stands on standard output, and words for',
    'people on standard error. `NO_COLOR` is respected.',
    '',
    ...sections,
  ].join('\n')
}

if (import.meta.main) {
  mkdirSync(join(import.meta.dirname, 'man'), { recursive: true })
  for (const [name, make] of Object.entries(pages)) writeFileSync(join(import.meta.dirname, name), make())
}
