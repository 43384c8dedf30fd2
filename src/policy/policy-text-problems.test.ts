// What a person is told of a policy file with faults: each at its place, with what to do, and never a secret.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { formatProblem } from '../base/result.ts'
import { readPolicyText } from './policy-text.ts'

function problems(text: string): readonly string[] {
  const result = readPolicyText(text, 'p.yaml')
  return (result.ok ? result.value.warnings : result.error).map(formatProblem)
}

/** A policy of one rule; `filter` and `rest` are YAML. */
function oneRule(filter: string, rest = 'action: block'): string {
  return `rules:\n  - filters: [${filter}]\n    ${rest}\n`
}

const ENDS = '{ source: me, destination: any }'

const faults: readonly (readonly [text: string, expected: string])[] = [
  ['', 'p.yaml: the file is empty (the smallest policy has a name and a list of rules)'],
  ['- a', 'p.yaml:1:1: expected a policy: a mapping with name, profile and rules, not a list'],
  ['name: x', 'p.yaml:1:1: the key "rules" is missing (expected: a list of rules)'],
  ['rules: x', 'p.yaml:1:8 rules: expected a list of rules, not the text "x" (put it in brackets: [ … ])'],
  ['rules: []\nprofil: strict', 'p.yaml:2:1 profil: the key "profil" is unknown (did you mean profile?)'],
  [
    'rules: []\nmirrored: true',
    'p.yaml:2:1 mirrored: the key "mirrored" is unknown (it belongs to each of rules.filters)',
  ],
  [
    'rules: []\nprofile: windows-200',
    'p.yaml:2:10 profile: expected windows-2000, windows-2000-sp1, windows-xp, windows-server-2003, windows-vista or strict, not the text "windows-200" (did you mean windows-2000?)',
  ],
  [
    'rules: []\nname: "a\\e[2Jb"',
    'p.yaml:2:7 name: it holds characters that cannot be seen (write plain text on one line)',
  ],
  [
    'rules: []\nnetworks: [10.0.0.1]',
    'p.yaml:2:12 networks[0]: "10.0.0.1" is an address, not a network (write its length too: 10.0.0.1/24)',
  ],
  ['rules: [5]', 'p.yaml:1:9 rules[0]: expected a rule: a mapping with filters and action, not the number 5'],
  [
    oneRule('{ source: me }'),
    'p.yaml:2:15 rules[0].filters[0]: the key "destination" is missing (expected: an address, a prefix, a range, me or any, or a list of them)',
  ],
  [
    oneRule('{ source: me, destination: any, mirrored: yes }'),
    'p.yaml:2:57 rules[0].filters[0].mirrored: expected true or false, not the text "yes" (YAML reads yes, no, on and off as text)',
  ],
  [
    oneRule('{ source: 10.0.0, destination: any }'),
    'p.yaml:2:25 rules[0].filters[0].source: "10.0.0" is no address (an IPv4 address is four numbers of 0 to 255, without leading zeros)',
  ],
  [
    oneRule('{ source: 10.0, destination: any }'),
    'p.yaml:2:25 rules[0].filters[0].source: expected an address, a prefix, a range, me or any, or a list of them, not the number 10',
  ],
  [
    oneRule('{ source: dc1.example.com, destination: any }'),
    'p.yaml:2:25 rules[0].filters[0].source: "dc1.example.com" is no address (names are not looked up, their answer could be forged: write the address)',
  ],
  [
    oneRule('{ source: fe80::1%eth0, destination: any }'),
    'p.yaml:2:25 rules[0].filters[0].source: "fe80::1%eth0" names a link (leave out the % and what follows it)',
  ],
  [
    oneRule('{ source: 10.0.0.0/255.0.255.0, destination: any }'),
    'p.yaml:2:25 rules[0].filters[0].source: "10.0.0.0/255.0.255.0" is no prefix (the bits of a mask are ones, then zeros)',
  ],
  [
    oneRule('{ source: 10.0.0.9-10.0.0.1, destination: any }'),
    'p.yaml:2:25 rules[0].filters[0].source: the range "10.0.0.9-10.0.0.1" ends before it begins (exchange its ends)',
  ],
  [
    oneRule('{ source: 10.0.0.1, destination: fd00::1 }'),
    'p.yaml:2:25 rules[0].filters[0].source: this is IPv4, and destination is IPv6: no packet is both (write a filter for each IP version)',
  ],
  [
    oneRule('{ source: [10.0.0.1, fd00::1], destination: 10.0.0.2 }'),
    'p.yaml:2:36 rules[0].filters[0].source[1]: this is IPv6, and destination is IPv4: no packet is both (write a filter for each IP version)',
  ],
  [
    oneRule('{ source: me, destination: any, destinationPort: 88 }'),
    'p.yaml:2:47 rules[0].filters[0].destinationPort: only TCP and UDP have ports (write protocol: tcp or protocol: udp, a filter for each)',
  ],
  [
    oneRule('{ source: me, destination: any, protocol: tcp, destinationPort: 65536 }'),
    'p.yaml:2:79 rules[0].filters[0].destinationPort: 65536 is above the last port, 65535 (ports go from 0 to 65535)',
  ],
  [
    oneRule('{ source: me, destination: any, protocol: upd }'),
    'p.yaml:2:57 rules[0].filters[0].protocol: "upd" is no protocol (write tcp, udp, icmp, another known name, a number of 0 to 255, or any)',
  ],
  [
    oneRule('{ source: me, destination: any, protocol: 256 }'),
    'p.yaml:2:57 rules[0].filters[0].protocol: 256 is no protocol number (protocol numbers go from 0 to 255)',
  ],
  [
    oneRule('{ source: me, destination: any }', 'action: block\n    mode: tunnel'),
    'p.yaml:4:5 rules[0].mode: mode means nothing with action block (leave it out, or write action: negotiate)',
  ],
  [
    oneRule(
      '{ source: me, destination: any }',
      'action: negotiate\n    security: esp-aes256gcm16\n    authentication: [kerberos]',
    ),
    'p.yaml:4:15 rules[0].security: expected a list of security methods, not the text "esp-aes256gcm16" (put it in brackets: [ … ])',
  ],
  [
    oneRule(
      '{ source: me, destination: any }',
      'action: negotiate\n    security: [aes256gcm16]\n    authentication: [kerberos]',
    ),
    'p.yaml:4:16 rules[0].security[0]: "aes256gcm16" is no security method (did you mean esp-aes256gcm16?)',
  ],
  [
    oneRule(
      '{ source: me, destination: any }',
      'action: negotiate\n    tunnelEndpoint: 10.0.0.1\n    authentication: [kerberos]',
    ),
    'p.yaml:4:5 rules[0].tunnelEndpoint: only a tunnel has a far end (write mode: tunnel, or leave it out)',
  ],
  [
    oneRule(
      '{ source: me, destination: any, mirrored: false }',
      'action: negotiate\n    mode: tunnel\n    authentication: [kerberos]',
    ),
    'p.yaml:4:11 rules[0].mode: a tunnel needs its far end (write tunnelEndpoint: and its address)',
  ],
  [
    oneRule(
      '{ source: me, destination: any }',
      'action: negotiate\n    mode: tunnel\n    tunnelEndpoint: 10.0.0.1\n    authentication: [kerberos]',
    ),
    'p.yaml:2:15 rules[0].filters[0]: a filter of a tunnel goes one way (write mirrored: false; the way back is a rule of its own with the other tunnelEndpoint)',
  ],
  [
    `${oneRule('{ source: me, destination: any }')}  - name: rule 1\n    filters: [{ source: me, destination: any }]\n    action: block`,
    'p.yaml:4:11 rules[1].name: rules[0] is called "rule 1" too (give each rule a name of its own)',
  ],
  [
    'profile: windows-vista\nipsecExempt: [icpm]\nrules: []',
    'p.yaml:2:15 ipsecExempt[0]: "icpm" is nothing that Windows can exempt (known: neighbour-discovery, icmp, router-discovery, dhcp)',
  ],
]

for (const [text, expected] of faults) {
  test(`a person is told: ${expected}`, () => assert.deepEqual(problems(text), [expected]))
}

test('every fault is told at once, in the order of the file', () => {
  const told = problems(`profil: x
rules:
  - filters:
      - { source: 10.0.0, destination: me, sourcePort: 88 }
      - { source: 10.0.0.1, destination: fd00::1, protocol: tpc }
    action: negotate
    security: [nonsense]
  - filters: []
    action: block
    fallBackToClear: true
`)
  const places = told.map(line => line.split(' ')[0])
  assert.equal(told.length, 9)
  const numbers = places.map(place => Number(place!.split(':')[1]))
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
})

test('a negotiate rule without authentication can be audited: a warning says that it cannot run', () => {
  const warnings = problems(oneRule('{ source: me, destination: any }', 'action: negotiate'))
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /^p\.yaml:2:5 rules\[0\]: the rule does not say how the hosts authenticate/)
})

test('a protocol or port of 0, which Windows shows for any, is read as the number 0 with a warning', () => {
  const [warning] = problems(oneRule('{ source: me, destination: any, protocol: 0 }'))
  assert.match(warning!, /protocol: 0 is read as protocol number 0/)
  const [ports] = problems(oneRule('{ source: me, destination: any, protocol: tcp, sourcePort: 0 }'))
  assert.match(ports!, /sourcePort: 0 is read as port number 0/)
})

test('lists that multiply beyond reason are refused, soon', { timeout: 60_000 }, () => {
  const many = Array.from({ length: 1000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join(', ')
  const [first, ...rest] = problems(oneRule(`{ source: [${many}], destination: [${many}] }`))
  assert.match(first!, /more than 200000 filters/)
  assert.deepEqual(rest, [])
})

const SECURED = 'action: negotiate\n    authentication: [{ preSharedKey: x }]'
const IKE_FAULTS: readonly (readonly [text: string, expected: string])[] = [
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ preSharedKey: 5 }]'),
    'rules[0].authentication[0].preSharedKey: expected text in quotes, or a mapping with secret, identity and peer, not this number (put it in quotes)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ preSharedKey: { secret: x, identiy: a } }]'),
    'rules[0].authentication[0].preSharedKey.identiy: the key "identiy" is unknown (did you mean identity?)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ preSharedKey: { identity: a } }]'),
    'rules[0].authentication[0].preSharedKey: the key "secret" is missing (expected: text in quotes)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ certificate: { peer: ["a b"] } }]'),
    'rules[0].authentication[0].certificate.peer[0]: this is no identity (write an address, a name (dc1.example.com), name@name, a distinguished name ("CN=dc1, O=Example") or "@#" and hexadecimal digits)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ certificate: { extendedKeyUsage: ipsecIKe } }]'),
    'rules[0].authentication[0].certificate.extendedKeyUsage: this is no use of a key (did you mean ipsecIKE?)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ certificate: { accounts: [{ account: a }] } }]'),
    'rules[0].authentication[0].certificate.accounts[0]: nothing says which certificates are meant (write subject, issuer or upn)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    authentication: [{ publicKey: { key: a } }]'),
    'rules[0].authentication[0].publicKey: the key "peerKeys" is missing (expected: a list of files)',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    lifetime: { seconds: 5 }`),
    'rules[0].lifetime.seconds: expected seconds: a whole number of 10 to 31536000, not the number 5',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    lifetime: 3600`),
    'rules[0].lifetime: expected a mapping with seconds and kilobytes, not the number 3600',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    keyExchange: ecp384`),
    'rules[0].keyExchange: only fresh keys have a key exchange of their own (write freshKeys: true, or leave it out)',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    freshKeys: true\n    keyExchange: ecp348`),
    'rules[0].keyExchange: "ecp348" is no key exchange (did you mean ecp384?)',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    encapsulation: tcp`),
    'rules[0].encapsulation: expected auto, udp or raw, not the text "tcp"',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    security: [ah-sha256]\n    encapsulation: udp`),
    'rules[0].encapsulation: AH cannot stand in UDP (write esp- methods alone, or leave it out)',
  ],
  [
    oneRule(ENDS, 'action: block\n    lifetime: { seconds: 60 }'),
    'rules[0].lifetime: lifetime means nothing with action block (leave it out, or write action: negotiate)',
  ],
  [
    oneRule(ENDS, 'action: negotiate\n    keying: [ikev2]\n    authentication: [kerberos]'),
    'rules[0].authentication: IKEv2 has no Kerberos (write keying: [ikev1], or another way to authenticate)',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    keying: [ikev2]\n    security: [ah-sha256+esp-aes256gcm16]`),
    'rules[0].security: IKEv2 cannot agree on AH and ESP at once, and nothing else is offered (offer esp-aes256gcm16, or write keying: [ikev1])',
  ],
  [
    oneRule(ENDS, `${SECURED}\n    security: [esp-aes256gcm16, ah-sha256+esp-aes256gcm16]`),
    'rules[0].security[1]: IKEv2 cannot agree on AH and ESP at once: this method is never offered (leave it out, or write keying: [ikev2, ikev1])',
  ],
  ['rules: []\nike: { securty: [] }', 'ike.securty: the key "securty" is unknown (did you mean security?)'],
  [
    'rules: []\nike: { security: [aes256gcm16-sha384-ecp384] }',
    'ike.security[0]: aes256gcm16 authenticates by itself and takes no integrity algorithm (for the PRF write aes256gcm16-prfsha384-ecp384)',
  ],
  [
    'rules: []\nike: { liveness: -1 }',
    'ike.liveness: expected seconds: a whole number of 0 to 86400, not the number -1',
  ],
  ['rules: []\nike: { ppk: { identity: a } }', 'ike.ppk: the key "secret" is missing (expected: text in quotes)'],
]

for (const [text, expected] of IKE_FAULTS) {
  test(`of what IKE should do a person is told: ${expected}`, () => {
    assert.deepEqual(
      problems(text).map(line => line.replace(/^p\.yaml:\d+:\d+ /, '')),
      [expected],
    )
  })
}

const SECRET = 'hunter2-correct-horse'
const leaks: readonly string[] = [
  `authentication: [{ preSharedKey: ${SECRET} }]`,
  `authentication: [{ preSharedKey: [${SECRET}] }]`,
  `authentication: [{ preSharedKey: { ${SECRET}: 1 } }]`,
  `authentication: [{ presharedkey: ${SECRET} }]`,
  `authentication: [${SECRET}]`,
  `authentication: ${SECRET}`,
  `authentication: [{ kerberos: ${SECRET} }]`,
  `authentication: [{ certificate: ${SECRET} }]`,
  `authentication: [{ certificate: { ca: a, passphrase: ${SECRET} } }]`,
  `authentication: [{ certificate: { ca: a, passphrase: [${SECRET}] } }]`,
  `authentication: [{ preSharedKey: ${SECRET}, kerberos: true }]`,
  `authentication: [{ preSharedKey: "${SECRET}`,
  `authentication: [{ preSharedKey: '${SECRET}' ${SECRET} }]`,
  `preSharedKey: ${SECRET}`,
  `authentication: [{ preSharedKey: { secret: ${SECRET} } }]`,
  `authentication: [{ preSharedKey: { secret: [${SECRET}] } }]`,
  `authentication: [{ preSharedKey: { secret: ${SECRET}, identity: "${SECRET} oops" } }]`,
  `authentication: [{ preSharedKey: { secret: a, peer: ["${SECRET}!"] } }]`,
  `authentication: [{ certificate: { extendedKeyUsage: ${SECRET} } }]`,
  `authentication: [{ certificate: { revocation: ${SECRET} } }]`,
  `authentication: [{ certificate: { accounts: [{ account: "${SECRET}" }, "${SECRET}"] } }]`,
  `authentication: [{ publicKey: { key: a, peerKeys: [b], passphrase: [${SECRET}] } }]`,
  `authentication: []\nike: { ppk: ${SECRET} }`,
  `authentication: []\nike: { ppk: { identity: a, secret: [${SECRET}], required: ${SECRET} } }`,
]

for (const rest of leaks) {
  // A key is no secret: only what is written as one may not come back.
  const isKey = rest.includes(`{ ${SECRET}: 1 }`)
  test(`no message and no policy tells the secret of ${rest.replaceAll(SECRET, '…')}`, () => {
    const result = readPolicyText(
      oneRule('{ source: me, destination: any }', `action: negotiate\n    ${rest}`),
      'p.yaml',
    )
    const told = JSON.stringify(result) + inspect(result, { depth: 20, showHidden: true })
    if (!isKey) assert.equal(told.includes('hunter2'), false)
  })
}
