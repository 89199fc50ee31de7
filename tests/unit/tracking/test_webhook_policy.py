"""Which addresses a webhook may call: nothing that only this server can reach."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import pytest

from dovetail.base.errors import SettingsError
from dovetail.tracking.errors import InvalidParameterError, UnresolvedHostError
from dovetail.tracking.webhooks.policy import Policy
from dovetail.tracking.webhooks.sender import Outcome, Sender

NOT_PUBLIC = "must not resolve to a non-public IP address"
PUBLIC, LOOPBACK = "93.184.215.14", "127.0.0.1"


def answering(*answers: Sequence[str]) -> Callable[[str], Awaitable[Sequence[str]]]:
    """A name server that gives these answers in turn, then the last for ever."""
    left = list(answers)

    async def resolve(_: str) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


def admit(policy: Policy, url: str) -> None:
    asyncio.run(policy.admit(url))


def send(sender: Sender, url: str) -> Outcome:
    return asyncio.run(sender.send(url, "s3cret", "id-1", b"{}"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "0x7f000001", "localhost", "0.0.0.0",
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]",
        "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[2001:db8::1]", "[2001::1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(InvalidParameterError, match=NOT_PUBLIC):
        admit(Policy(), f"https://{host}/hook")


@pytest.mark.parametrize("host", ["93.184.215.14", "[2606:2800:220:1::1]", "1.1.1.1:8443"])
def test_a_public_address_is_admitted(host: str) -> None:
    admit(Policy(), f"https://{host}/hook?a=b")


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    policy = Policy(resolve=answering([PUBLIC, "10.0.0.1"]))
    with pytest.raises(InvalidParameterError) as refused:
        admit(policy, "https://both.example/hook")
    assert refused.value.message == (
        "Webhook URL must not resolve to a non-public IP address. "
        "'both.example' resolves to 10.0.0.1."
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("   ", "Webhook URL cannot be empty or just whitespace: '   '"),
        ("ftp://example.com", "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https."),
        ("http://example.com", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."),
        ("file:///etc/passwd", "Invalid webhook URL scheme: 'file'. Allowed schemes are: https."),
        ("example.com/hook", "Invalid webhook URL scheme: ''. Allowed schemes are: https."),
        ("https:///hook", "Webhook URL must include a hostname: 'https:///hook'"),
        ("https://127.1/", "Webhook URL host '127.1' is not a canonical IP address literal."),
        (
            "https://2130706433",
            "Webhook URL host '2130706433' is not a canonical IP address literal.",
        ),
        ("https://" + "a" * 3000, "Webhook URL has more than 2000 characters."),
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused_with_mlflows_words(url: str, said: str) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        admit(Policy(), url)
    assert refused.value.message == said


@pytest.mark.parametrize(
    "url", ["http://[invalid", "https://0177.0.0.1/", "https://x:99999/", "https://\n"]
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameterError, match="Invalid webhook URL"):
        admit(Policy(), url)


def test_a_host_that_is_not_known_is_refused_and_may_be_known_later() -> None:
    async def resolve(_: str) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(UnresolvedHostError, match=r"Cannot resolve .* hostname 'no\.where'"):
        admit(Policy(resolve=resolve), "https://no.where/")
    outcome = send(Sender(Policy(resolve=resolve), 5), "https://no.where/")
    assert (outcome.is_delivered, outcome.may_retry) == (False, True)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("hooks.intern", "http://hooks.intern/a"),
        ("HOOKS.intern.", "https://Hooks.Intern:8443/a"),
        ("*.intern", "https://a.b.intern/"),
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("10.0.0.0/8", "http://10.200.3.4/"),
        ("::1", "http://[::1]:80/"),
    ],
)
def test_what_the_setting_names_is_admitted_also_over_plain_http(allow: str, url: str) -> None:
    admit(Policy([allow]), url)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("hooks.intern", "http://other.intern/"),
        ("*.intern", "https://intern/"),
        ("10.0.0.0/8", "https://192.168.0.1/"),
        ("127.0.0.2", "https://127.0.0.1/"),
    ],
)
def test_what_the_setting_does_not_name_stays_refused(allow: str, url: str) -> None:
    with pytest.raises(InvalidParameterError):
        admit(Policy([allow], answering(["192.168.0.1"])), url)


@pytest.mark.parametrize("entry", ["http://hooks.intern", "a b", "", "10.0.0.0/99", "host:80"])
def test_a_malformed_setting_is_refused_at_the_start(entry: str) -> None:
    with pytest.raises(SettingsError, match="is no host and no network"):
        Policy([entry])


def test_a_name_that_moves_to_a_private_address_after_the_check_is_not_called(receiver) -> None:
    url = f"https://moving.example:{receiver.port}/hook"
    policy = Policy(resolve=answering([PUBLIC], [LOOPBACK]))
    admit(policy, url)
    outcome = send(Sender(policy, 5), url)
    assert outcome.error is not None
    assert NOT_PUBLIC in outcome.error
    assert not outcome.may_retry
    assert receiver.requests == []


def test_the_address_that_was_checked_is_called_and_no_other(receiver) -> None:
    """A second look-up would find an address where nobody listens."""
    policy = Policy(["127.0.0.0/8"], answering([LOOPBACK], ["127.0.0.99"]))
    outcome = send(Sender(policy, 5), f"http://hook.example:{receiver.port}/a/b?c=d")
    assert (outcome.status, outcome.error) == (200, None)
    ((path, headers, body),) = receiver.requests
    assert (path, body) == ("/a/b?c=d", b"{}")
    assert headers["Host"] == f"hook.example:{receiver.port}"


def test_a_name_in_other_letters_is_asked_for_as_name_servers_know_it(receiver) -> None:
    asked = []

    async def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        return [LOOPBACK]

    sender = Sender(Policy(["127.0.0.0/8"], resolve), 5)
    assert send(sender, f"http://b\u00fccher.example:{receiver.port}/").is_delivered
    assert asked == ["xn--bcher-kva.example"]
    assert receiver.requests[0][1]["Host"] == f"xn--bcher-kva.example:{receiver.port}"


def test_the_next_address_is_tried_where_one_does_not_answer(receiver) -> None:
    policy = Policy(["127.0.0.0/8"], answering(["127.0.0.99", LOOPBACK]))
    assert send(Sender(policy, 5), f"http://hook.example:{receiver.port}/").is_delivered


def test_a_redirect_is_not_followed(receiver) -> None:
    receiver.answers = [(302, {"Location": f"{receiver.url}/elsewhere"})]
    outcome = send(Sender(Policy([LOOPBACK]), 5), f"{receiver.url}/hook")
    assert (outcome.status, outcome.may_retry) == (302, False)
    assert outcome.error == "the receiver answered 302, and redirects are not followed"
    assert [path for path, _, _ in receiver.requests] == ["/hook"]


def test_proxies_of_the_environment_are_not_used(receiver, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert send(Sender(Policy([LOOPBACK]), 5), receiver.url).is_delivered


def test_a_receiver_that_never_answers_is_left_in_time(receiver) -> None:
    receiver.pause = 3
    outcome = send(Sender(Policy([LOOPBACK]), 0.3), receiver.url)
    assert (outcome.error, outcome.may_retry) == ("no answer within 0.3 s", True)
    assert outcome.seconds < 2


def test_only_the_beginning_of_an_answer_is_read() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except OSError:
            writer.close()

    async def ask() -> Outcome:
        server = await asyncio.start_server(flood, LOOPBACK, 0)
        port = server.sockets[0].getsockname()[1]
        sender = Sender(Policy([LOOPBACK]), 5)
        outcome = await sender.send(f"http://127.0.0.1:{port}/", None, "id", b"{}")
        server.close()
        return outcome

    outcome = asyncio.run(ask())
    assert (outcome.status, len(outcome.body)) == (200, 16384)


def test_what_is_sent_is_json_with_an_id_a_time_and_a_signature(receiver) -> None:
    send(Sender(Policy([LOOPBACK]), 5), receiver.url)
    ((_, headers, body),) = receiver.requests
    assert json.loads(body) == {}
    assert headers["Content-Type"] == "application/json"
    assert headers["X-MLflow-Delivery-Id"] == "id-1"
    assert headers["X-MLflow-Timestamp"].isdigit()
    assert headers["X-MLflow-Signature"].startswith("v1,")
