// The reference pages about policy files, made from the tables the code runs on; docs/generate.ts writes them.
import { lintKinds } from '../src/policy/lint-kinds.ts'
import { type Offer, offerNames, offerOf, type Protection } from '../src/policy/offers.ts'
import { policyJsonSchema } from '../src/policy/policy-schema.ts'

export function schemaText(): string {
  return `${JSON.stringify(policyJsonSchema(), undefined, 2)}\n`
}

export function lintPage(): string {
  const rows = Object.entries(lintKinds).map(
    ([kind, { severity, title, source }]) => `| \`${kind}\` | ${severity} | ${title} | ${source} |`,
  )
  return [
    '# What `policy lint` finds',
    '',
    '**danger**: the policy does not do what it seems to promise, or cannot work; exit status 1. **warning**: it may not be',
    'meant. **note**: good to know. A finding may be milder than its kind where its sentence says why.',
    '',
    '![What lint says of two domain controllers](images/lint.png)',
    '',
    '| kind | severity | what | source |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

export function securityMethodsPage(): string {
  const rows = offerNames.map(name => {
    const offer = offerOf(name)
    if (!offer.ok) throw new Error(`${name} is in the list of names but not in the table`)
    return methodRow(offer.value)
  })
  return [
    '# Security methods',
    '',
    'What `security:` of a rule lists, the preferred first. A name is `esp-CIPHER`, `esp-CIPHER-INTEGRITY` or `ah-INTEGRITY`;',
    'one of ESP and one of AH combine with `+`: `ah-sha256+esp-aes256gcm16`. AH alone, `null` and `gmac` protect against',
    'change, but the content stays readable.',
    '',
    '| name | cipher | integrity | check value | content | |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function methodRow({ name, protections, confidential, why }: Offer): string {
  const { cipher, keyBits, integrity, icvBits } = protections[0] as Protection
  const content = confidential ? 'secret' : 'readable'
  const key = cipher === undefined ? '–' : `${cipher}, ${keyBits} bits`
  return `| \`${name}\` | ${key} | ${integrity ?? 'by the cipher'} | ${icvBits} bits | ${content} | ${why.join('; ')} |`
}
