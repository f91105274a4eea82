"""What all operations of the REST interface have in common: the head of its OpenAPI document."""

CONVENTIONS = """\
Enrollment tokens, devices, groups, policies and certificates, for programs.

**Keys.** `Authorization: Bearer gmk_…`. Keys are made under *System › API keys*, by `manage.py
create_api_key`, or by a key of the role administrator. Each operation says which role it needs; a
higher one has the rights of those below: auditor, operator, administrator.

**Bodies** are JSON in UTF-8, not compressed. A field, filter or parameter that an operation does
not have is refused, and nothing of the request is done; so is a value of another type. `PATCH`
changes what it names, the rest stays.

**Moments** are ISO 8601, in answers always in UTC. One without an offset is taken for UTC. In an
address the `+` of an offset is `%2B`.

**Lists** come in pages. Follow `next` as it is until it is null: rows that come or go meanwhile
shift nothing. A page of a search may have few rows, or none, and a `next`.

**Refusals** are `{"code", "detail"}`: `code` is stable, `detail` is for people. `errors` has
messages by field where fields are at fault, nested ones as `app.name` or `people.0.email`. 401:
no key that is good. 403: its role does not suffice. 404: there is no such row. 409: the state of
things forbids it. 503: try again after `Retry-After` seconds.

**Again.** `GET`, `PATCH`, `PUT` and `DELETE`, `revoke` and `cancel` may be sent again. So may a
`POST` that takes an `Idempotency-Key`, with the same one: it makes nothing new, and is answered
with what the first has made. Names of groups, policies, SCEP profiles and API keys are taken
once: the second is refused.

**Waiting.** What answers 202, and every command, is done by and by. Ask `commands/{id}` until
`completed_at` is there, `bulk-commands/{id}` until `finished_at` is and no command counts as
`queued`, `sent` or `not_now` in `states`; or be told by a webhook.
"""
