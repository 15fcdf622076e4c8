from sqlalchemy import Identity, Integer
from sqlalchemy.orm import Mapped, mapped_column

from billing_core.models.declarative import Model


class User(Model):
    """A user of the host platform, whose table this is: we only point at it."""

    __tablename__ = "Users"

    user_id: Mapped[int] = mapped_column("UserID", Integer, Identity(), primary_key=True)
