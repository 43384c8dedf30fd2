// docs/settings.md, from the catalogue of settings that the code knows.
import { catalogue, type KnownSetting } from '../src/settings/catalogue.ts'

export function settingsPage(): string {
  return [
    '# Settings of Windows in the registry',
    '',
    'What we know of the settings of Windows that have to do with IPsec: where each lives, what its values mean, what counts',
    'without it. The [registry](registry.md) keeps all of them; sealwire acts on those that are marked so. What each Windows',
    'exempts at each value stands in [the default exemptions](exemptions.md).',
    '',
    '| setting | sealwire acts on it |',
    '|---|---|',
    ...catalogue.map(({ name, isInForce }) => `| [${name}](#${name.toLowerCase()}) | ${isInForce ? 'yes' : 'no, it is kept'} |`),
    '',
    ...catalogue.flatMap(section),
  ].join('\n')
}

function section({ name, what, keys, type, values, isMask, absent, source }: KnownSetting): readonly string[] {
  const rows = values.map(({ value, meaning }) => `| ${value} | ${meaning} |`)
  return [
    `## ${name}`,
    '',
    what,
    '',
    ...keys.map(({ path, who }) => `- \`${path}\` (${who})`),
    `- ${type}${isMask === true ? ', a sum of these bits' : ''}; without it: ${absent}`,
    `- source: ${source}`,
    '',
    ...(rows.length === 0 ? [] : [`| ${isMask === true ? 'bit' : 'value'} | meaning |`, '|---|---|', ...rows, '']),
  ]
}
