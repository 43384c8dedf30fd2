// What directory.test.ts has done inside a domain controller's network: reads its policies over LDAP, writes one and reads it
// again, and prints what came of it as JSON. Arguments: the address, the user, the name in the certificate; the password and
// the authorities stand in standard input as JSON.
import { text } from 'node:stream/consumers'
import {
  type DomainPolicies,
  readDomainPolicies,
  writeDomainPolicies,
} from '../../src/agent/directory/directory-policies-live.ts'
import { seededRandom } from '../../src/base/random.ts'
import { Secret } from '../../src/base/secret.ts'
import { seeded } from '../../src/policy/test-policies.ts'
import { builtInPolicies } from '../../src/windows/built-in-policies.ts'
import { fromPolicy } from '../../src/windows/from-policy.ts'
import { dataOf, type PolicyStore } from '../../src/windows/policy-objects.ts'
import { randomWindowsPolicy } from '../../src/windows/test-windows-policies.ts'
import { toPolicy } from '../../src/windows/to-policy.ts'

const [url = '', user = '', serverName = ''] = process.argv.slice(2)
const { password, authorities } = JSON.parse(await text(process.stdin)) as Readonly<Record<string, string>>
const address = { url, user, password: new Secret(password!), authorities: authorities!, serverName, seconds: 20 }

async function read(): Promise<DomainPolicies> {
  const found = await readDomainPolicies(address)
  if (!found.ok) throw new Error(JSON.stringify(found.error))
  return found.value
}

function policyOf(store: PolicyStore, policy: string): unknown {
  const said = toPolicy(store, { policy })
  return said.ok ? said.value.policy : said.error
}

/** Everything about a policy's objects that the directory keeps. */
function plain(store: PolicyStore): unknown {
  const objects = store.objects.map(object => {
    const { content: _, whenChanged: __, ...rest } = object
    return { ...rest, owners: rest.owners.toSorted(), data: dataOf(object).toHex() }
  })
  return objects.toSorted((a, b) => (a.kind + a.id < b.kind + b.id ? -1 : 1))
}

const before = await read()
const made = fromPolicy(randomWindowsPolicy(seeded(5), true), { random: seededRandom(9), form: 'windows-vista' }).store
const first = await writeDomainPolicies(address, made)
const second = await writeDomainPolicies(address, made)
const after = await read()
const ours = new Set(made.objects.map(({ id }) => id))
const answer = {
  domain: before.domain,
  problems: [...before.problems, ...after.problems],
  builtIn: Object.values(builtInPolicies).map(id => policyOf(before.store, id)),
  written: [first, second],
  made: plain(made),
  found: plain({ objects: after.store.objects.filter(({ id }) => ours.has(id)) }),
  others: after.store.objects.length - made.objects.length - before.store.objects.length,
}
process.stdout.write(JSON.stringify(answer))
