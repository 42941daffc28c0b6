"""What a user can do something about."""


class RunnerError(Exception):
    """One clear error: a code, a cause and a remedy."""

    def __init__(self, code: str, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.code, self.cause, self.remedy = code, cause, remedy

    def __str__(self) -> str:
        return f"error[{self.code}]: {self.cause}\nhelp: {self.remedy}"
