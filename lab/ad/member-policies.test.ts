import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../src/base/address.ts'
import { kerberosWarnings } from '../../src/policy/lint-kerberos.ts'
import { readPolicyText } from '../../src/policy/policy-text.ts'
import { type Controller, corp } from './forest.ts'
import { type MemberPolicyChoice, memberPolicy, permitRule } from './member-policies.ts'

const member: Controller = { name: 'ws1', address: '10.54.0.4', hardwareAddress: '02:00:0a:36:00:04' }
const hosts = [...corp.controllers, member]
const [first] = corp.controllers

type Choice = Pick<MemberPolicyChoice, 'exempt' | 'authentication' | 'rules'>

function policyOf(controller: Controller, choice: Choice) {
  const read = readPolicyText(memberPolicy({ forest: corp, controller }, { ...choice, member, hosts }), 'policy.yaml')
  assert.ok(read.ok, JSON.stringify(read))
  return read.value.policy
}

function isTied(controller: Controller, choice: Choice): boolean {
  return kerberosWarnings(policyOf(controller, choice), 'policy.yaml', [parseAddress(controller.address)!]).length > 0
}

test('each host of the domain has the rules that mean it: members their controllers, controllers each other and the members', () => {
  const names = hosts.map(host =>
    policyOf(host, { exempt: 1, authentication: 'certificates' }).rules.map(rule => [rule.name, rule.filters.length]),
  )
  const ofController = [
    ['Members and their controllers', 1],
    ['Between the controllers', 1],
  ]
  assert.deepEqual(names, [ofController, ofController, [['Members and their controllers', 2]]])
})

test('only the member waits for itself, and only with NoDefaultExempt 1, Kerberos and nothing that permits it', () => {
  const tied: Choice = { exempt: 1, authentication: 'kerberos' }
  assert.deepEqual(
    hosts.map(host => isTied(host, tied)),
    [false, false, true],
  )
  assert.equal(isTied(member, { ...tied, exempt: 0 }), false)
  assert.equal(isTied(member, { ...tied, authentication: 'certificates' }), false)
  assert.equal(isTied(member, { ...tied, rules: permitRule(member, first) }), false)
})
