import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations import tickets
from invitations.errors import TicketInvalidError
from invitations.tickets import Purpose, Ticket

IDS = st.uuids(version=4)
ALPHABET = string.ascii_letters + string.digits + "-_"


@given(IDS, st.integers(1, 65535), st.sampled_from(Purpose))
def test_a_ticket_comes_back_as_it_was_sealed(pk: uuid.UUID, serial: int, purpose: Purpose) -> None:
    ticket = Ticket(pk, serial, purpose)
    text = tickets.seal(ticket, realm="contoso")
    assert len(text) <= 60
    assert tickets.unseal(text, realm="contoso", purpose=purpose) == ticket


@given(IDS, st.integers(0, 53), st.sampled_from(ALPHABET))
def test_no_edited_ticket_passes(pk: uuid.UUID, at: int, character: str) -> None:
    """T01, T11: whatever character is changed, the seal does not hold."""
    text = tickets.seal(Ticket(pk, 1), realm="contoso")
    edited = text[:at] + character + text[at + 1 :]
    if edited != text:
        with pytest.raises(TicketInvalidError):
            tickets.unseal(edited, realm="contoso")


@given(IDS, st.integers(0, 53))
def test_no_truncated_or_lengthened_ticket_passes(pk: uuid.UUID, length: int) -> None:
    """T01: nothing shorter, nothing longer."""
    text = tickets.seal(Ticket(pk, 1), realm="contoso")
    for other in (text[:length], text + "A", text + "=="):
        with pytest.raises(TicketInvalidError):
            tickets.unseal(other, realm="contoso")


@given(st.text(max_size=80))
def test_any_other_text_is_no_ticket(text: str) -> None:
    """T01: a guess is a miss, never an error page."""
    with pytest.raises(TicketInvalidError):
        tickets.unseal(text, realm="contoso")


@given(IDS)
def test_a_ticket_means_nothing_next_door_or_for_another_purpose(pk: uuid.UUID) -> None:
    """T11: the tenant takes part in the seal, and so does what the link is for."""
    text = tickets.seal(Ticket(pk, 1), realm="contoso")
    with pytest.raises(TicketInvalidError):
        tickets.unseal(text, realm="fabrikam")
    with pytest.raises(TicketInvalidError):
        tickets.unseal(text, realm="contoso", purpose=Purpose.UNWANTED)


def test_at_least_128_bits_of_the_seal_are_in_the_link() -> None:
    """T01: what would have to be guessed."""
    assert tickets.SEAL_BYTES * 8 >= 128


def test_a_rotated_key_honours_old_tickets_until_it_is_retired(settings: object) -> None:
    ticket = Ticket(uuid.uuid4(), 3)
    old = tickets.seal(ticket, realm="contoso")
    settings.FOYER_TICKET_KEY_FALLBACKS = [settings.FOYER_TICKET_KEY]  # type: ignore[attr-defined]
    settings.FOYER_TICKET_KEY = "a new key " * 6  # type: ignore[attr-defined]
    assert tickets.unseal(old, realm="contoso") == ticket
    settings.FOYER_TICKET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    with pytest.raises(TicketInvalidError):
        tickets.unseal(old, realm="contoso")
