// The reference pages about policy files, made from the tables the code runs on; docs/generate.ts writes them.
import { defaultIkeSecurity, groups, ikeCiphers, ikeIntegrities, ikePrfs } from '../src/policy/ike-offers.ts'
import { lintKinds } from '../src/policy/lint-kinds.ts'
import { offerWords } from '../src/policy/offer-words.ts'
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
    'A word stands for what a version of Windows agrees on in IKEv1, the strongest that it can be set to in front; what is old in',
    'it `policy lint` warns of all the same. Where a rule has no other than those of Windows 2000 to Vista, its `keying:` is',
    '`[ikev1]` if nothing else is written.',
    '',
    '| word | stands for |',
    '|---|---|',
    ...offerWords.map(({ name, security }) => wordRow(name, security)),
    '',
    '| name | cipher | integrity | check value | content | |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function wordRow(word: string, names: readonly string[]): string {
  return `| \`${word}\` | ${names.map(name => `\`${name}\``).join(', ')} |`
}

function methodRow({ name, protections, confidential, why }: Offer): string {
  const { cipher, keyBits, integrity, icvBits } = protections[0] as Protection
  const content = confidential ? 'secret' : 'readable'
  const key = cipher === undefined ? '–' : `${cipher}, ${keyBits} bits`
  return `| \`${name}\` | ${key} | ${integrity ?? 'by the cipher'} | ${icvBits} bits | ${content} | ${why.join('; ')} |`
}

export function ikeMethodsPage(): string {
  const table = (rows: readonly (readonly [string, string, string | undefined])[]) => [
    '| word | means | |',
    '|---|---|---|',
    ...rows.map(([word, means, old]) => `| \`${word}\` | ${means} | ${old ?? ''} |`),
    '',
  ]
  const ciphers = [...ikeCiphers].map(([word, { cipher, keyBits, icvBits, old }]) => {
    const check = icvBits > 0 ? `, check value of ${icvBits} bits` : ''
    return [word, `${cipher}, ${keyBits} bits${check}`, old] as const
  })
  const integrities = [...ikeIntegrities].map(
    ([word, { integrity, prf, old }]) => [word, `${integrity}; alone it says \`${prf}\` too`, old] as const,
  )
  return [
    '# Methods of IKE',
    '',
    'What `security:` under `ike:` lists, the preferred first: how IKE itself is protected. A name is',
    '`CIPHER-PRF-GROUP` where the cipher authenticates (it has a check value), else `CIPHER-INTEGRITY-PRF-GROUP`, or',
    '`CIPHER-INTEGRITY-GROUP` where the PRF is that of the integrity algorithm. Behind the group more key exchanges may stand,',
    'each with a `+`: they are done one after another, and who wants to read along has to break all of them (RFC 9370).',
    '',
    'Left out, these are offered:',
    '',
    ...defaultIkeSecurity.map(name => `- \`${name}\``),
    '',
    'What is old is never offered unless a policy names it, and `policy lint` warns.',
    '',
    'A word stands for what a version of Windows agrees on in IKEv1, the strongest that it can be set to in front. IKEv1 has no',
    'ciphers that authenticate, and no more than one key exchange: other methods are left to IKEv2.',
    '',
    '| word | stands for |',
    '|---|---|',
    ...offerWords.map(({ name, ike }) => wordRow(name, ike)),
    '',
    '## Ciphers',
    '',
    ...table(ciphers),
    '## Integrity algorithms',
    '',
    ...table(integrities),
    '## PRFs',
    '',
    'The pseudorandom function makes the keys.',
    '',
    ...table([...ikePrfs].map(([word, { prf, old }]) => [word, prf, old] as const)),
    '## Key exchanges',
    '',
    'Also what `keyExchange:` of a rule names.',
    '',
    ...table([...groups].map(([word, { group, old }]) => [word, group, old] as const)),
  ].join('\n')
}
