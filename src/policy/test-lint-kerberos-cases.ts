// Policies for the tests of the linter about Kerberos: the knot of KB 254949, and policies that nearly have it.
import { between, type Case, KERBEROS, rules } from './test-lint-words.ts'

export const kerberosCases: readonly Case[] = [
  {
    kind: 'kerberos-cannot-start',
    has: rules(
      `{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.9] } }] }`,
    ),
    hasNot: rules(
      `{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.9] } }] }`,
      '{ name: t, filters: [{ source: me, destination: 10.0.0.9, protocol: tcp, destinationPort: 88 }], action: permit }',
      '{ name: u, filters: [{ source: me, destination: 10.0.0.9, protocol: udp, destinationPort: 88 }], action: permit }',
    ),
    about: ['a'],
  },
  {
    kind: 'kerberos-cannot-start',
    // The way out is permitted, the answer is not.
    has: rules(
      `{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.9] } }] }`,
      '{ name: t, filters: [{ source: me, destination: 10.0.0.9, mirrored: false }], action: permit }',
    ),
    hasNot: rules(
      `{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { kdc: [10.9.0.9] } }, { preSharedKey: "0123456789abcdef0123" }] }`,
    ),
    about: ['a'],
  },
  {
    kind: 'kerberos-cannot-start',
    has: `profile: windows-xp\nnoDefaultExempt: 1\n${rules(`{ name: a, ${between}, action: negotiate, ${KERBEROS} }`)}`,
    hasNot: `profile: windows-xp\nnoDefaultExempt: 0\n${rules(`{ name: a, ${between}, action: negotiate, ${KERBEROS} }`)}`,
    about: ['a'],
    severity: 'danger',
  },
  {
    kind: 'kerberos-cannot-start',
    // A domain controller is its own key distribution centre.
    has: `role: domain-controller\n${rules(`{ name: a, ${between}, action: negotiate, ${KERBEROS} }`)}`,
    hasNot: rules(
      `{ name: a, filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 445 }], action: negotiate, ${KERBEROS} }`,
    ),
    severity: 'warning',
  },
  {
    kind: 'kerberos-cannot-start',
    // Another rule blocks the way to the centre.
    has: rules(
      `{ name: a, ${between}, action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.9] } }] }`,
      '{ name: b, filters: [{ source: me, destination: any, protocol: tcp }], action: block }',
    ),
    hasNot: rules(`{ name: a, ${between}, action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.9] } }] }`),
    about: ['a'],
  },
  {
    kind: 'kerberos-cannot-start',
    // It may be its own, whose address the policy does not tell from others.
    has: `role: domain-controller\n${rules(`{ name: a, ${between}, action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.1] } }] }`)}`,
    hasNot: `role: domain-controller\n${rules(`{ name: a, ${between}, action: negotiate, authentication: [{ kerberos: { kdc: [192.0.2.9] } }] }`)}`,
    severity: 'warning',
  },
  {
    kind: 'kerberos-cannot-start',
    // Where Kerberos stands first, main mode agrees on it, and nothing else is tried.
    has: rules(
      `{ name: a, ${between}, action: negotiate, keying: [ikev1], authentication: [{ kerberos: { kdc: [10.0.0.1] } }, { preSharedKey: "0123456789abcdef0123" }] }`,
    ),
    hasNot: rules(
      `{ name: a, ${between}, action: negotiate, keying: [ikev1], authentication: [{ preSharedKey: "0123456789abcdef0123" }, { kerberos: { kdc: [10.0.0.1] } }] }`,
    ),
    about: ['a'],
  },
  {
    kind: 'kerberos-cannot-start',
    // Another centre can be asked.
    has: rules(
      `{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.9, 192.0.2.9] } }] }`,
    ),
    hasNot: rules(
      `{ name: a, filters: [{ source: me, destination: 10.0.0.0/8 }], action: negotiate, authentication: [{ kerberos: { kdc: [192.0.2.8, 192.0.2.9] } }] }`,
    ),
    about: ['a'],
    severity: 'warning',
  },
]
