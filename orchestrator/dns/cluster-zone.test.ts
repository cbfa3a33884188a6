import { describe, expect, it } from 'vitest'
import { answerFromZone, startOfAuthority, type ZoneAnswer } from './cluster-zone.js'
import { someView } from './testing/view.js'

/** "A 10.96.0.20", one line a record; "nothing" for a name without any of the type. */
function said(answer: ZoneAnswer): readonly string[] {
  if (answer.kind === 'alias') return [`CNAME ${answer.target}`]
  if (answer.kind !== 'records') return [answer.kind]
  if (answer.answers.length === 0) return ['nothing']
  return answer.answers.map(record => {
    const { type, data } = record
    return [type, ...(typeof data === 'string' ? [data] : Object.values(data))].join(' ')
  })
}

const db = 'db.default.svc.cluster.local'

describe('the zone of the cluster', () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ['web.default.svc.cluster.local', 'A', ['A 10.96.0.20']],
    ['web.default.svc.cluster.local', 'AAAA', ['AAAA fd96::20']],
    ['WEB.Default.SVC.cluster.LOCAL', 'A', ['A 10.96.0.20']],
    ['web.default.svc.cluster.local', 'MX', ['nothing']],
    ['web.other.svc.cluster.local', 'A', ['no-such-name']],
    ['other.default.svc.cluster.local', 'A', ['no-such-name']],
    ['10-244-1-7.web.default.svc.cluster.local', 'A', ['no-such-name']],
    [
      '_http._tcp.web.default.svc.cluster.local',
      'SRV',
      ['SRV 0 100 80 web.default.svc.cluster.local'],
    ],
    [
      '_dns._udp.web.default.svc.cluster.local',
      'SRV',
      ['SRV 0 100 53 web.default.svc.cluster.local'],
    ],
    ['_http._udp.web.default.svc.cluster.local', 'SRV', ['no-such-name']],
    ['_http._tcp.web.default.svc.cluster.local', 'A', ['nothing']],
    ['_tcp.web.default.svc.cluster.local', 'A', ['nothing']],
    ['http._tcp.web.default.svc.cluster.local', 'SRV', ['no-such-name']],
    [
      'web.default.svc.cluster.local',
      'SRV',
      ['SRV 0 50 80 web.default.svc.cluster.local', 'SRV 0 50 53 web.default.svc.cluster.local'],
    ],
    [db, 'A', ['A 10.244.1.2', 'A 10.244.2.2', 'A 10.244.2.3']],
    [`db-0.${db}`, 'A', ['A 10.244.1.2']],
    [`db-0.${db}`, 'AAAA', ['nothing']],
    [`10-244-2-3.${db}`, 'A', ['A 10.244.2.3']],
    [`10-244-1-2.${db}`, 'A', ['no-such-name']],
    [`db-9.${db}`, 'A', ['no-such-name']],
    [`x.db-0.${db}`, 'A', ['no-such-name']],
    [
      `_pg._tcp.${db}`,
      'SRV',
      [`SRV 0 33 5432 db-0.${db}`, `SRV 0 33 5432 db-1.${db}`, `SRV 0 33 5432 10-244-2-3.${db}`],
    ],
    ['empty.default.svc.cluster.local', 'A', ['nothing']],
    ['out.default.svc.cluster.local', 'A', ['CNAME db.example.org']],
    ['out.default.svc.cluster.local', 'CNAME', ['CNAME db.example.org']],
    ['x.out.default.svc.cluster.local', 'A', ['no-such-name']],
    ['10-1-2-3.default.pod.cluster.local', 'A', ['A 10.1.2.3']],
    ['fd00--7.default.pod.cluster.local', 'AAAA', ['AAAA fd00::7']],
    ['10-1-2-3.default.pod.cluster.local', 'AAAA', ['nothing']],
    ['10-1-2-3.missing.pod.cluster.local', 'A', ['no-such-name']],
    ['10-1-2-300.default.pod.cluster.local', 'A', ['no-such-name']],
    ['20.0.96.10.in-addr.arpa', 'PTR', ['PTR web.default.svc.cluster.local']],
    ['2.1.244.10.in-addr.arpa', 'PTR', [`PTR db-0.${db}`]],
    ['3.2.244.10.in-addr.arpa', 'PTR', [`PTR 10-244-2-3.${db}`]],
    // Of a Service that has an address of its own the backends have no names.
    ['7.1.244.10.in-addr.arpa', 'PTR', ['elsewhere']],
    [
      `0.2.0.0.${'0.'.repeat(20)}0.0.0.0.6.9.d.f.ip6.arpa`,
      'PTR',
      ['PTR web.default.svc.cluster.local'],
    ],
    ['8.8.8.8.in-addr.arpa', 'PTR', ['elsewhere']],
    ['in-addr.arpa', 'PTR', ['elsewhere']],
    [
      'cluster.local',
      'SOA',
      ['SOA ns.dns.cluster.local hostmaster.cluster.local 42 7200 1800 86400 5'],
    ],
    ['cluster.local', 'NS', ['NS ns.dns.cluster.local']],
    ['cluster.local', 'A', ['nothing']],
    ['ns.dns.cluster.local', 'A', ['A 10.96.0.10']],
    ['dns-version.cluster.local', 'TXT', ['TXT 1.1.0']],
    ['svc.cluster.local', 'A', ['nothing']],
    ['default.svc.cluster.local', 'A', ['nothing']],
    ['bare.pod.cluster.local', 'A', ['nothing']],
    ['missing.svc.cluster.local', 'A', ['no-such-name']],
    ['x.cluster.local', 'A', ['no-such-name']],
    ['example.org', 'A', ['elsewhere']],
    ['cluster.local.example.org', 'A', ['elsewhere']],
    ['notcluster.local', 'A', ['elsewhere']],
    ['', 'NS', ['elsewhere']],
    ['..svc.cluster.local', 'A', ['no-such-name']],
  ]
  it.each(cases)('says of %s %s: %j', (name, type, wanted) => {
    expect(said(answerFromZone(name, type, someView))).toEqual(wanted)
  })

  it('gives the addresses of those whom SRV names along', () => {
    const answer = answerFromZone(`_pg._tcp.${db}`, 'SRV', someView)
    expect(answer.kind === 'records' ? answer.additionals.map(({ name }) => name) : []).toEqual([
      `db-0.${db}`,
      `db-1.${db}`,
      `10-244-2-3.${db}`,
    ])
  })

  it('answers with the name as it was asked', () => {
    const answer = answerFromZone('wEb.default.svc.cluster.local', 'A', someView)
    expect(answer).toMatchObject({ answers: [{ name: 'wEb.default.svc.cluster.local' }] })
  })

  it('has a serial that fits', () => {
    expect(startOfAuthority({ ...someView, serial: 2 ** 40 + 7 }).data).toMatchObject({ serial: 7 })
  })
})
