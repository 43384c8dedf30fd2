// Policies for the tests of the linter: each has what one kind of finding is about, and a twin that nearly has it.
import { kerberosCases } from './test-lint-kerberos-cases.ts'
import { between, type Case, certificate, KERBEROS, PSK, rules, secured } from './test-lint-words.ts'

export const cases: readonly Case[] = [
  ...kerberosCases,
  {
    kind: 'source-port-88',
    has: `profile: windows-xp\nnoDefaultExempt: 0\n${rules(`{ name: n, ${between}, action: negotiate }`, '{ name: b, filters: [{ source: any, destination: me }], action: block }', '{ name: i, filters: [{ source: any, destination: me, protocol: icmp }], action: block }')}`,
    hasNot: `profile: windows-xp\nnoDefaultExempt: 1\n${rules(`{ name: n, ${between}, action: negotiate }`)}`,
    about: ['b', 'n'],
  },
  {
    kind: 'source-port-88',
    has: `profile: windows-xp\n${rules('{ name: b, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 445, mirrored: false }], action: block }')}`,
    hasNot: `profile: windows-xp\n${rules('{ name: b, filters: [{ source: any, destination: me, protocol: tcp, sourcePort: 80, mirrored: false }], action: block }')}`,
    about: ['b'],
  },
  {
    kind: 'neighbour-discovery-secured',
    has: rules(`{ filters: [{ source: fd00::1, destination: fd00::2 }], action: negotiate, ${PSK} }`),
    hasNot: rules(
      `{ filters: [{ source: fd00::1, destination: fd00::2 }], action: negotiate, ${PSK} }`,
      '{ name: nd, filters: [{ source: fd00::1, destination: fd00::2, protocol: icmpv6 }], action: permit }',
    ),
    severity: 'danger',
  },
  {
    kind: 'neighbour-discovery-secured',
    has: rules(`{ filters: [{ source: me, destination: any }], action: negotiate, ${PSK} }`),
    hasNot: `profile: windows-vista\nipsecExempt: [neighbour-discovery]\n${rules(`{ filters: [{ source: me, destination: any }], action: negotiate, ${PSK} }`)}`,
    severity: 'warning',
  },
  {
    kind: 'nat-traversal-secured',
    has: `profile: windows-2000\n${rules(secured)}`,
    hasNot: `profile: windows-2000-sp1\n${rules(secured)}`,
  },
  {
    kind: 'one-way-filter',
    has: rules(`{ filters: [{ source: me, destination: 10.0.0.1, mirrored: false }], action: negotiate, ${PSK} }`),
    hasNot: rules(
      `{ filters: [{ source: me, destination: 10.0.0.1, mirrored: false }, { source: 10.0.0.1, destination: me, mirrored: false }], action: negotiate, ${PSK} }`,
    ),
  },
  {
    kind: 'falls-back-to-clear',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, fallBackToClear: true }`),
    hasNot: rules(`{ ${between}, action: negotiate, ${PSK}, fallBackToClear: true, active: false }`),
  },
  {
    kind: 'accepts-unsecured',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, acceptUnsecuredInbound: true }`),
    hasNot: rules(`{ ${between}, action: negotiate, ${PSK}, acceptUnsecuredInbound: false }`),
  },
  {
    kind: 'broken-method',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, security: [esp-aes256gcm16, esp-des-sha1] }`),
    hasNot: rules(`{ ${between}, action: negotiate, ${PSK}, security: [esp-3des-sha1] }`),
  },
  {
    kind: 'old-method',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, security: [esp-aes256-sha1] }`),
    hasNot: rules(`{ ${between}, action: negotiate, ${PSK}, security: [esp-aes256-sha256, esp-chacha20poly1305] }`),
  },
  {
    kind: 'old-ike-method',
    has: `ike: { security: [aes256-sha1-modp2048] }\n${rules(secured)}`,
    hasNot: `ike: { security: [aes256-sha256-modp2048] }\n${rules(secured)}`,
    severity: 'warning',
  },
  {
    kind: 'old-ike-method',
    has: `ike: { security: [des-sha256-modp2048] }\n${rules(secured)}`,
    hasNot: rules(secured),
    severity: 'danger',
  },
  {
    kind: 'old-ike-method',
    has: rules(`{ name: a, ${between}, action: negotiate, ${PSK}, freshKeys: true, keyExchange: modp1024 }`),
    hasNot: rules(`{ name: a, ${between}, action: negotiate, ${PSK}, freshKeys: true, keyExchange: modp2048 }`),
    about: ['a'],
  },
  {
    kind: 'peers-unnamed',
    has: rules(
      '{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ certificate: { ca: a } }] }',
    ),
    hasNot: rules(
      '{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ certificate: { ca: a, peer: [dc1.corp.test, dc2.corp.test] } }] }',
    ),
    about: ['a'],
    severity: 'warning',
  },
  {
    kind: 'peers-unnamed',
    has: rules(`{ name: a, filters: [{ source: any, destination: me }], action: negotiate, ${certificate} }`),
    hasNot: rules(`{ name: a, ${between}, action: negotiate, ${certificate} }`),
    about: ['a'],
  },
  {
    kind: 'peers-unnamed',
    has: rules(
      '{ name: a, filters: [{ source: me, destination: 10.0.0.2-10.0.0.3 }], action: negotiate, authentication: [{ publicKey: { key: k, peerKeys: [a, b] } }] }',
    ),
    hasNot: rules(
      '{ name: a, filters: [{ source: me, destination: 10.0.0.2-10.0.0.3 }], action: negotiate, authentication: [{ publicKey: { key: k, peerKeys: [a] } }] }',
    ),
    about: ['a'],
  },
  {
    kind: 'peers-unnamed',
    has: rules(`{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, ${KERBEROS} }`),
    hasNot: rules(
      '{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { peer: [DC2$] } }] }',
    ),
    about: ['a'],
  },
  {
    kind: 'method-never-used',
    has: rules(
      `{ name: a, ${between}, action: negotiate, keying: [ikev2], authentication: [kerberos, { certificate: { ca: a } }] }`,
    ),
    hasNot: rules(
      `{ name: a, ${between}, action: negotiate, keying: [ikev2, ikev1], authentication: [kerberos, { certificate: { ca: a } }] }`,
    ),
    about: ['a'],
  },
  {
    kind: 'method-never-used',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, security: [ah-sha256+esp-aes256gcm16, esp-aes256gcm16] }`),
    hasNot: rules(`{ ${between}, action: negotiate, ${PSK}, security: [ah-sha256+esp-aes256gcm16] }`),
  },
  {
    kind: 'revocation-off',
    has: rules(`{ ${between}, action: negotiate, authentication: [{ certificate: { ca: a, revocation: off } }] }`),
    hasNot: rules(`{ ${between}, action: negotiate, authentication: [{ certificate: { ca: a } }] }`),
  },
  {
    kind: 'content-readable',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, security: [ah-sha256] }`),
    hasNot: rules(`{ ${between}, action: negotiate, ${PSK}, security: [ah-sha256+esp-aes256gcm16] }`),
  },
  {
    kind: 'weak-secret',
    has: rules(`{ ${between}, action: negotiate, authentication: [{ preSharedKey: "nineteen characters" }] }`),
    hasNot: rules(secured),
  },
  {
    kind: 'weak-secret',
    has: `ike: { ppk: { identity: a, secret: "thirty-two characters are too few" } }\n${rules(secured)}`,
    hasNot: `ike: { ppk: { identity: a, secret: "0123456789012345678901234567890123456789012" } }\n${rules(secured)}`,
  },
  {
    kind: 'secret-in-file',
    has: rules(`{ ${between}, action: negotiate, authentication: [{ certificate: { ca: a, passphrase: b } }] }`),
    hasNot: rules(`{ ${between}, action: negotiate, authentication: [{ certificate: { ca: a } }] }`),
  },
  {
    kind: 'setting-unusable',
    has: `profile: windows-2000-sp1\nnoDefaultExempt: 2\n${rules(secured)}`,
    hasNot: `profile: windows-xp\nnoDefaultExempt: 2\n${rules(secured)}`,
  },
  {
    kind: 'setting-before-service-pack',
    has: `profile: windows-2000\nnoDefaultExempt: 1\n${rules(secured)}`,
    hasNot: `profile: windows-2000\n${rules(secured)}`,
  },
  {
    kind: 'setting-ignored',
    has: `profile: windows-vista\nnoDefaultExempt: 1\n${rules(secured)}`,
    hasNot: `profile: windows-vista\nipsecExempt: 1\n${rules(secured)}`,
  },
  {
    kind: 'setting-missing',
    has: `profile: windows-server-2003\n${rules(secured)}`,
    hasNot: rules(secured),
  },
  {
    kind: 'setting-of-domain-controllers',
    has: `profile: windows-2000-sp1\nnoDefaultExempt: 1\nrole: workstation\n${rules(secured)}`,
    hasNot: `profile: windows-2000-sp1\nnoDefaultExempt: 1\nrole: domain-controller\n${rules(secured)}`,
  },
  {
    kind: 'setting-of-domain-controllers',
    has: `profile: windows-xp\nnoDefaultExempt: 3\nrole: member-server\n${rules(secured)}`,
    // Server 2003 is at 3 by itself.
    hasNot: `profile: windows-server-2003\nnoDefaultExempt: 3\nrole: member-server\n${rules(secured)}`,
  },
  {
    kind: 'filter-never-matches',
    has: rules(
      '{ name: a, filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }], action: block }',
      '{ name: b, filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }], action: permit }',
    ),
    hasNot: rules(
      '{ name: a, filters: [{ source: 10.0.0.1, destination: 10.0.0.2, protocol: tcp }], action: block }',
      '{ name: b, filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }], action: permit }',
    ),
    about: ['b'],
  },
  {
    kind: 'filter-never-matches',
    // Two halves that hide the whole together, and not alone.
    has: rules(
      '{ name: low, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 0-1023, sourcePort: 0-65535 }], action: block }',
      '{ name: high, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 1024-65535, sourcePort: 0-65535 }], action: block }',
      '{ name: all, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 0-65535 }], action: permit }',
    ),
    hasNot: rules(
      '{ name: low, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 0-1023, sourcePort: 0-65535 }], action: block }',
      '{ name: high, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 1025-65535, sourcePort: 0-65535 }], action: block }',
      '{ name: all, filters: [{ source: any, destination: me, protocol: tcp, destinationPort: 0-65535 }], action: permit }',
    ),
    about: ['all'],
  },
  {
    kind: 'filter-never-matches',
    // An exemption hides it, whatever it asks for.
    has: `profile: windows-xp\n${rules('{ name: b, filters: [{ source: any, destination: me, protocol: udp, destinationPort: 88 }], action: block }')}`,
    hasNot: `profile: windows-xp\nnoDefaultExempt: 1\n${rules('{ name: b, filters: [{ source: any, destination: me, protocol: udp, destinationPort: 88 }], action: block }')}`,
    about: ['b'],
  },
  {
    kind: 'filter-never-matches',
    has: rules(`{ filters: [{ source: me, destination: me }], action: block }`),
    hasNot: rules(`{ filters: [{ source: me, destination: any }], action: block }`),
  },
  {
    kind: 'filter-redundant',
    has: rules(
      '{ name: a, filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }], action: block }',
      '{ name: b, filters: [{ source: 10.0.0.2, destination: 10.0.0.1 }], action: block }',
    ),
    hasNot: rules(
      '{ name: a, filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }], action: block }',
      '{ name: b, filters: [{ source: 10.0.0.3, destination: 10.0.0.1 }], action: block }',
    ),
    about: ['b'],
  },
  {
    kind: 'filter-redundant',
    has: rules(
      '{ filters: [{ source: me, destination: 10.0.0.2 }, { source: me, destination: 10.0.0.2 }], action: block }',
    ),
    hasNot: rules(
      '{ filters: [{ source: me, destination: 10.0.0.2 }, { source: me, destination: 10.0.0.3 }], action: block }',
    ),
  },
  {
    kind: 'order-undefined',
    has: rules(
      '{ name: a, filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 80-90 }], action: permit }',
      '{ name: b, filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 90-99 }], action: block }',
    ),
    hasNot: rules(
      '{ name: a, filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 80-90 }], action: permit }',
      '{ name: b, filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 90-99 }], action: block }',
      // Where they meet, this one is more specific than both.
      '{ name: c, filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 90, sourcePort: 0-65535 }], action: block }',
    ),
    about: ['a'],
  },
  {
    kind: 'icmp-of-the-other-version',
    has: rules('{ filters: [{ source: me, destination: fd00::1, protocol: icmp }], action: permit }'),
    hasNot: rules('{ filters: [{ source: me, destination: fd00::1, protocol: icmpv6 }], action: permit }'),
  },
  {
    kind: 'permits-by-source-port',
    has: rules('{ filters: [{ source: me, destination: any, protocol: udp, destinationPort: 53 }], action: permit }'),
    hasNot: rules(
      '{ filters: [{ source: me, destination: 10.0.0.53, protocol: udp, destinationPort: 53 }], action: permit }',
    ),
  },
  {
    kind: 'tunnel-for-everything',
    has: rules(
      `{ filters: [{ source: any, destination: any, mirrored: false }], action: negotiate, mode: tunnel, tunnelEndpoint: 10.0.0.1, ${PSK} }`,
    ),
    hasNot: rules(
      `{ filters: [{ source: any, destination: 10.2.0.0/16, mirrored: false }], action: negotiate, mode: tunnel, tunnelEndpoint: 10.0.0.1, ${PSK} }`,
    ),
  },
  {
    kind: 'nothing-secured',
    has: rules(`{ ${between}, action: negotiate, ${PSK}, active: false }`),
    hasNot: rules(secured),
  },
  {
    kind: 'default-response-on',
    has: `defaultResponse: true\n${rules(secured)}`,
    hasNot: `defaultResponse: false\n${rules(secured)}`,
    severity: 'warning',
  },
  {
    kind: 'default-response-on',
    has: `profile: windows-vista\ndefaultResponse: true\n${rules(secured)}`,
    hasNot: rules(secured),
    severity: 'note',
  },
  {
    kind: 'exempt-traffic',
    has: `profile: windows-xp\nnoDefaultExempt: 1\n${rules('{ name: m, filters: [{ source: any, destination: 224.0.0.0/4 }], action: block }')}`,
    hasNot: `profile: windows-xp\nnoDefaultExempt: 1\n${rules('{ name: m, filters: [{ source: any, destination: 10.0.0.1, protocol: tcp, mirrored: false }], action: block }')}`,
    about: ['m'],
  },
  {
    kind: 'rule-inactive',
    has: rules(secured, `{ name: b, ${between}, action: block, active: false }`),
    hasNot: rules(secured),
    about: ['b'],
  },
]
